// CSV and TSV text to rows.
#ifndef MILLRACE_FORMATS_CSV_READER_H_
#define MILLRACE_FORMATS_CSV_READER_H_

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "formats/row_reader.h"
#include "formats/text_reader.h"

namespace millrace {

// The one of comma, tab, semicolon and bar that occurs most often in `line` outside of quotes (the
// first of them if equally often), or '\0' if none does.
char GuessDelimiter(std::string_view line);

// Reads from `text`, which stands at the begin of the object, and goes on behind options.from. The
// first record names the columns: an empty name becomes "column_<n>", one that is there already
// gets a suffix ("name_2"). InvalidArgument if the header cannot be read. Blank lines are no rows.
absl::StatusOr<std::unique_ptr<RowReader>> NewCsvReader(std::unique_ptr<TextReader> text,
                                                        char delimiter, const ReadOptions& options);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_CSV_READER_H_
