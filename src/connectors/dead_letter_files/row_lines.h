// Files of JSON lines that each have a "row", counted from 1. A last line without '\n' was torn by
// a crash before it was synced: it does not count, and is removed before anything is appended.
// Callers that change a file hold the FolderLock of its folder.
#ifndef MILLRACE_CONNECTORS_DEAD_LETTER_FILES_ROW_LINES_H_
#define MILLRACE_CONNECTORS_DEAD_LETTER_FILES_ROW_LINES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "io/durable_file.h"

namespace millrace {

// Calls `visit` with each whole line, without its '\n', and its number from 1. Of a line longer
// than `most` bytes only the first `most` + 1 bytes are passed. NotFound if there is no file.
absl::Status ForEachLine(const std::string& path, size_t max,
                         const std::function<absl::Status(std::string_view, uint64_t)>& visit);

// The "row" of a line; DataLoss if it has none.
absl::StatusOr<uint64_t> RowOfLine(std::string_view line);

// Opens `path` for appending whole lines, creating it if it is missing.
absl::StatusOr<std::unique_ptr<AppendFile>> OpenLines(const std::string& path);

// Removes the lines with `begin` < row <= `end`, which are rows begin to end - 1 counted from 0,
// and a torn one, all or none, durably. Lines without a row stay. Ok if there is no file.
absl::Status DropRows(const std::string& path, uint64_t begin, uint64_t end);

}  // namespace millrace

#endif  // MILLRACE_CONNECTORS_DEAD_LETTER_FILES_ROW_LINES_H_
