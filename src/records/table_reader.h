// Records to rows of tables.
#ifndef MILLRACE_RECORDS_TABLE_READER_H_
#define MILLRACE_RECORDS_TABLE_READER_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "records/table_form.h"

namespace millrace {

// A value of the type of its column, or null.
struct Cell {
  bool is_null = true;
  // kInteger; kBoolean: 0 or 1; kTime: microseconds since 1970-01-01T00:00:00Z.
  int64_t integer = 0;
  // kText: UTF-8, unescaped, which may contain NUL. kJson: JSON without line ends. kNumber: the
  // digits as JSON; a double has their value to the last digit.
  std::string_view text = {};
};

// One cell per column of the form.
using TableRow = absl::Span<const Cell>;

// One thread at a time; keeps its buffers.
class TableReader {
 public:
  // `form` must outlive this object.
  explicit TableReader(const TableForm& form);
  ~TableReader();

  // Sets `rows` to the rows of `record`: one for an event, one per operation for an update, in the
  // order of the record. They are valid until the next call. InvalidArgument if `record` is not a
  // record of the form's type; then `rows` is empty.
  absl::Status Read(std::string_view record, absl::Time insert_time, std::vector<TableRow>& rows);

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace millrace

#endif  // MILLRACE_RECORDS_TABLE_READER_H_
