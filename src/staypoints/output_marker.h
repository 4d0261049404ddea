// How a folder or prefix is marked as an output of this command, and which names are part of one.
// Nothing else is ever replaced or removed.
#ifndef MILLRACE_STAYPOINTS_OUTPUT_MARKER_H_
#define MILLRACE_STAYPOINTS_OUTPUT_MARKER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace millrace {

// Marks a complete output; written last.
inline constexpr std::string_view kMarkerName = "_SUCCESS";
// Replaces the marker while the files are being replaced one by one.
inline constexpr std::string_view kUnfinishedName = "_UNFINISHED";
// Both are JSON objects with "made_by": kMadeBy.
inline constexpr std::string_view kMadeBy = "millrace staypoints";
inline constexpr std::string_view kUnfinishedMarker = "{\"made_by\":\"millrace staypoints\"}\n";
// Markers of this program are smaller.
inline constexpr size_t kMaxMarkerBytes = 64 << 10;

struct MarkerContent {
  uint64_t staypoints = 0;
};

// Nullopt if `json` is not a marker of this command: other programs also write "_SUCCESS".
std::optional<MarkerContent> ParseMarker(std::string_view json);

// True if `path`, relative to the output, is a file that this command writes.
bool IsOutputFile(std::string_view path);
// True if it is a folder of such files: "p1=ab" or "p1=ab/p2=cd".
bool IsOutputFolder(std::string_view path);

// FailedPrecondition: `output` is not empty and has no marker of this command.
absl::Status NoMarkerError(std::string_view output);
// FailedPrecondition: `path` in `output` was not written by this command.
absl::Status ForeignFileError(std::string_view output, std::string_view path);

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_OUTPUT_MARKER_H_
