// A row as its reader shows it: a shape (the names of the cells, shared by many rows) and the
// cells.
#ifndef MILLRACE_FORMATS_ROW_H_
#define MILLRACE_FORMATS_ROW_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "formats/value.h"

namespace millrace {

// The ordered names of a row's cells. Equal ids mean equal names, so code that compiles a plan for
// a shape caches it under the id. Ids are unique in the process and never reused.
struct RowShape {
  uint64_t id = 0;
  std::vector<std::string> names;

  // A shape with a new id. Thread-safe.
  static RowShape Make(std::vector<std::string> names);
};

struct Row {
  uint64_t number = 0;  // 0-based, in the object
  const RowShape* shape = nullptr;
  absl::Span<const Value> values;  // one per name of the shape
  // The members of the cell that RowVisitor::opens() names; null: it is no object, or the reader
  // does not open cells.
  const Row* opened = nullptr;
};

// Receives the rows of a chunk, in order. Views in `row` are valid during the call.
class RowVisitor {
 public:
  virtual ~RowVisitor() = default;
  virtual void OnRow(const Row& row) = 0;
  // The cell whose members are wanted as Row::opened, which spares parsing it again; empty: none.
  virtual std::string_view opens() const { return {}; }
  // A row that cannot be read: `why` says what is wrong with it (without file and row, which the
  // caller adds), `raw` is its text, which may not be UTF-8.
  virtual void OnBadRow(uint64_t number, const absl::Status& why, std::string_view raw) = 0;
  // The same for a row of `size` bytes that was too long to keep: `raw` is its beginning.
  virtual void OnOverlongRow(uint64_t number, const absl::Status& why, std::string_view raw,
                             uint64_t /*size*/) {
    OnBadRow(number, why, raw);
  }
  // A row of a table's file that does not count (formats/table_rows.h).
  virtual void OnFilteredRow(uint64_t /*number*/) {}
};

}  // namespace millrace

#endif  // MILLRACE_FORMATS_ROW_H_
