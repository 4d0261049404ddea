// Writes rows into a file, the opposite of RowReader (row_reader.h).
#ifndef MILLRACE_FORMATS_ROW_WRITER_H_
#define MILLRACE_FORMATS_ROW_WRITER_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "formats/output_column.h"
#include "formats/value.h"

namespace millrace {

// One thread at a time. Destroying an unfinished writer leaves an invalid file.
class RowWriter {
 public:
  virtual ~RowWriter() = default;
  // `row` has a cell per column.
  virtual absl::Status Write(absl::Span<const Value> row) = 0;
  // Writes the remaining rows and closes the file.
  virtual absl::Status Finish() = 0;
};

// Each creates or empties the file `path`. `columns` must outlive the writer.
using OpenRowWriter = absl::StatusOr<std::unique_ptr<RowWriter>>(
    const std::string& path, absl::Span<const OutputColumn> columns);
OpenRowWriter NewParquetRowWriter;
OpenRowWriter NewNdjsonGzRowWriter;
OpenRowWriter NewCsvRowWriter;

}  // namespace millrace

#endif  // MILLRACE_FORMATS_ROW_WRITER_H_
