// Leaves rows of a file out by their content.
#ifndef MILLRACE_FORMATS_ROW_FILTER_H_
#define MILLRACE_FORMATS_ROW_FILTER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "formats/value.h"

namespace millrace {

// How a column of a file is found: by its Parquet field id if that is set, else by its name.
struct ColumnRef {
  std::string name;  // also used in messages
  std::optional<int32_t> field_id = {};
  bool may_be_missing = false;  // then all its values are null; otherwise the file is rejected
};

// Leaves rows out by their content, as equality deletes of a table format do. Thread-safe.
class RowFilter {
 public:
  virtual ~RowFilter() = default;
  // The columns that Drops() uses; any columns of the file, not only those that its caller reads.
  virtual const std::vector<ColumnRef>& columns() const = 0;
  // True if the row with these values, one for each of columns(), is left out. Views in `values`
  // are valid during the call.
  virtual bool Drops(absl::Span<const Value> values) const = 0;
};

}  // namespace millrace

#endif  // MILLRACE_FORMATS_ROW_FILTER_H_
