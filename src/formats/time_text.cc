// The grammar of time texts:
//   time     = date [ ("T" | "t" | " ") clock [ [" "] zone ] ]
//   date     = YYYY "-" MM "-" DD | YYYYMMDD    (the second form only before "T")
//   clock    = HH ":" MM [ ":" SS [ ("." | ",") digits ] ] | HHMM [ SS [ ("." | ",") digits ] ]
//   zone     = "Z" | "z" | "UTC" | ("+" | "-") HH [ [":"] MM ]
#include "formats/time_text.h"

#include <chrono>

namespace millrace {
namespace {

constexpr int64_t kSecondsPerDay = 86'400;

// Takes parts off the front of a text.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool done() const { return rest_.empty(); }

  // Exactly `digits` decimal digits.
  template <size_t digits>
  bool Number(int& value) {
    if (rest_.size() < digits) return false;
    value = 0;
    for (size_t i = 0; i < digits; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') return false;
      value = value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(digits);
    return true;
  }

  // One of the characters of `set`, or 0.
  template <char... set>
  char AnyOf() {
    if (rest_.empty() || !((rest_[0] == set) || ...)) return 0;
    const char c = rest_[0];
    rest_.remove_prefix(1);
    return c;
  }

  bool Word(std::string_view word) {
    if (rest_.substr(0, word.size()) != word) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  // All digits that follow, at least one; `nanos` is made of the first nine.
  bool Fraction(int& nanos) {
    size_t digits = 0;
    nanos = 0;
    for (; digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9'; ++digits) {
      if (digits < 9) nanos = nanos * 10 + (rest_[digits] - '0');
    }
    for (size_t i = digits; i < 9; ++i) nanos *= 10;
    rest_.remove_prefix(digits);
    return digits > 0;
  }

 private:
  std::string_view rest_;
};

bool ScanDate(Scanner& scanner, bool& extended, int64_t& days) {
  int year;
  int month;
  int day;
  if (!scanner.Number<4>(year)) return false;
  extended = scanner.AnyOf<'-'>() != 0;
  if (!scanner.Number<2>(month)) return false;
  if (extended && scanner.AnyOf<'-'>() == 0) return false;
  if (!scanner.Number<2>(day)) return false;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return false;
  days = std::chrono::sys_days(date).time_since_epoch().count();
  return true;
}

bool ScanClock(Scanner& scanner, bool extended, int64_t& seconds_of_day, int32_t& nanos) {
  int hour;
  int minute;
  int second = 0;
  nanos = 0;
  if (!scanner.Number<2>(hour) || hour > 23) return false;
  if (extended && scanner.AnyOf<':'>() == 0) return false;
  if (!scanner.Number<2>(minute) || minute > 59) return false;
  if (!extended || scanner.AnyOf<':'>() != 0) {
    const bool seconds = scanner.Number<2>(second);
    if (!seconds && extended) return false;
    if (second > 60) return false;  // 60: a leap second
    if (seconds && scanner.AnyOf<'.', ','>() != 0 && !scanner.Fraction(nanos)) return false;
  }
  seconds_of_day = (hour * 60 + minute) * 60 + second;
  return true;
}

bool ScanZone(Scanner& scanner, int32_t& offset_seconds) {
  offset_seconds = 0;
  scanner.AnyOf<' '>();
  if (scanner.AnyOf<'Z', 'z'>() != 0 || scanner.Word("UTC")) return true;
  const char sign = scanner.AnyOf<'+', '-'>();
  int hours;
  int minutes = 0;
  if (sign == 0 || !scanner.Number<2>(hours) || hours > 23) return false;
  if (!scanner.done()) {
    scanner.AnyOf<':'>();
    if (!scanner.Number<2>(minutes) || minutes > 59) return false;
  }
  offset_seconds = (hours * 60 + minutes) * 60 * (sign == '-' ? -1 : 1);
  return true;
}

}  // namespace

std::string_view NameOf(CompactTime format) {
  constexpr std::string_view kLongest = "YYYYMMDDHHMMSS";
  switch (format) {
    case CompactTime::kNone:
      return "";
    case CompactTime::kDate:
      return kLongest.substr(0, 8);
    case CompactTime::kMinute:
      return kLongest.substr(0, 12);
    case CompactTime::kSecond:
      return kLongest;
  }
  return "";
}

CompactTime CompactTimeOf(size_t digits) {
  for (const CompactTime format :
       {CompactTime::kDate, CompactTime::kMinute, CompactTime::kSecond}) {
    if (NameOf(format).size() == digits) return format;
  }
  return CompactTime::kNone;
}

std::optional<TimeText> ParseCompactTime(std::string_view text, CompactTime format) {
  if (format == CompactTime::kNone || text.size() != NameOf(format).size()) return std::nullopt;
  Scanner scanner(text);
  TimeText time;
  bool extended;
  int64_t days;
  int64_t seconds_of_day = 0;
  if (!ScanDate(scanner, extended, days) || extended) return std::nullopt;
  if (format != CompactTime::kDate &&
      (!ScanClock(scanner, /*extended=*/false, seconds_of_day, time.nanos) || !scanner.done())) {
    return std::nullopt;
  }
  time.local_seconds = days * kSecondsPerDay + seconds_of_day;
  return time;
}

std::optional<TimeText> ParseTimeText(std::string_view text) {
  Scanner scanner(text);
  TimeText time;
  bool extended;
  int64_t days;
  if (!ScanDate(scanner, extended, days)) return std::nullopt;
  time.local_seconds = days * kSecondsPerDay;
  if (scanner.done()) return extended ? std::optional(time) : std::nullopt;
  if (scanner.AnyOf<'T', 't'>() == 0 && (!extended || scanner.AnyOf<' '>() == 0)) {
    return std::nullopt;
  }
  int64_t seconds_of_day;
  if (!ScanClock(scanner, extended, seconds_of_day, time.nanos)) return std::nullopt;
  time.local_seconds += seconds_of_day;
  if (scanner.done()) return time;
  int32_t offset_seconds;
  if (!ScanZone(scanner, offset_seconds) || !scanner.done()) return std::nullopt;
  time.offset_seconds = offset_seconds;
  return time;
}

}  // namespace millrace
