// Text to civil times: the only grammar for times in files, whichever reader uses it.
#ifndef MILLRACE_FORMATS_TIME_TEXT_H_
#define MILLRACE_FORMATS_TIME_TEXT_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace {

// The content of a time text: a time on the clock of some zone.
struct TimeText {
  int64_t local_seconds = 0;                   // since 1970-01-01T00:00:00 on that clock
  int32_t nanos = 0;                           // finer digits are truncated
  std::optional<int32_t> offset_seconds = {};  // of that clock from UTC, eastwards, if given
};

// ISO 8601 / RFC 3339 with or without zone and "YYYY-MM-DD[ HH:MM:SS[.f]]"; the grammar is in the
// .cc file. Nullopt for all other text: day and month are never guessed.
std::optional<TimeText> ParseTimeText(std::string_view text);

// Times that consist of digits only, which only a config can distinguish from numbers.
enum class CompactTime : uint8_t { kNone, kDate, kMinute, kSecond };
// "YYYYMMDD", "YYYYMMDDHHMM", "YYYYMMDDHHMMSS"; "" for kNone.
std::string_view NameOf(CompactTime format);
// The format with this many digits.
CompactTime CompactTimeOf(size_t digits);

// The time of `text`, which must consist of the digits of `format` only; nullopt if there is no
// such time.
std::optional<TimeText> ParseCompactTime(std::string_view text, CompactTime format);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_TIME_TEXT_H_
