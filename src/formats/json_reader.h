// JSON text to rows: NDJSON, arrays of objects, and objects one after another.
#ifndef MILLRACE_FORMATS_JSON_READER_H_
#define MILLRACE_FORMATS_JSON_READER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "formats/row_reader.h"
#include "formats/text_reader.h"

namespace millrace {

// Reads from `text`, which is at the beginning of the object, and resumes at options.from. Lines
// are rows, or the objects in them if there are several (blank lines are not rows). But if the text
// begins with '[', or its first object spans several lines, each element is a row, and any text
// between elements is DataLoss.
absl::StatusOr<std::unique_ptr<RowReader>> NewJsonReader(std::unique_ptr<TextReader> text,
                                                         const ReadOptions& options);

// A chunk of lines, each of them one JSON object, that are in memory already.
std::unique_ptr<RowChunk> NewJsonChunk(std::unique_ptr<TextRows> rows,
                                       std::shared_ptr<TextRowsPool> pool);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_JSON_READER_H_
