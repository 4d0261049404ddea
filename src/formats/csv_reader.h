// CSV and TSV text to rows.
#ifndef MILLRACE_FORMATS_CSV_READER_H_
#define MILLRACE_FORMATS_CSV_READER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "formats/detect_format.h"
#include "formats/row_reader.h"
#include "formats/text_reader.h"

namespace millrace {

// Reads from `text`, which is at the beginning of the object, and resumes at options.from. The
// first record names the columns unless options.column_names does: an empty name becomes
// "column_<n>", a repeated one gets a suffix ("name_2"). InvalidArgument if the header cannot be
// read, or (from Read) if the file contains nothing else and the header has none of
// options.expected_columns. Blank lines are not rows.
absl::StatusOr<std::unique_ptr<RowReader>> NewCsvReader(std::unique_ptr<TextReader> text,
                                                        const TextFormat& format,
                                                        const ReadOptions& options);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_CSV_READER_H_
