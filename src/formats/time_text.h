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

// Times that are digits alone, which only a config can tell from numbers.
enum class CompactTime : uint8_t { kNone, kDate, kMinute, kSecond };
// "YYYYMMDD", "YYYYMMDDHHMM", "YYYYMMDDHHMMSS"; "" for kNone.
std::string_view NameOf(CompactTime format);
// The one that has so many digits.
CompactTime CompactTimeOf(size_t digits);

// The time that `text`, nothing but the digits of `format`, says; nothing if there is no such time.
std::optional<TimeText> ParseCompactTime(std::string_view text, CompactTime format);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_TIME_TEXT_H_
