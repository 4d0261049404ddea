// Text to civil times: the one grammar for times in files, whatever reads them.
#ifndef MILLRACE_FORMATS_TIME_TEXT_H_
#define MILLRACE_FORMATS_TIME_TEXT_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace {

// What a time text says: a place on the clock of some zone.
struct TimeText {
  int64_t local_seconds = 0;                   // since 1970-01-01T00:00:00 on that clock
  int32_t nanos = 0;                           // finer digits are cut off
  std::optional<int32_t> offset_seconds = {};  // of that clock from UTC, eastwards, if it says so
};

// ISO 8601 / RFC 3339 with or without zone and "YYYY-MM-DD[ HH:MM:SS[.f]]"; the grammar stands in
// the .cc file. Nothing for all other text: day and month are never guessed.
std::optional<TimeText> ParseTimeText(std::string_view text);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_TIME_TEXT_H_
