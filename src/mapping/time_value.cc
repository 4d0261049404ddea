// Time texts are numbers, or dates as in formats/time_text.cc.
#include "mapping/time_value.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

#include "absl/time/civil_time.h"
#include "base/json_writer.h"
#include "base/strings.h"
#include "formats/id_text.h"
#include "formats/time_text.h"
#include "mapping/value_text.h"

namespace millrace {
namespace {

constexpr int64_t kSecondsBelow = 100'000'000'000;         // 1e11
constexpr int64_t kMillisBelow = 100'000'000'000'000;      // 1e14
constexpr int64_t kMicrosBelow = 100'000'000'000'000'000;  // 1e17
constexpr int64_t kEarliestMillis = 31'536'000'000;        // 1971-01-01T00:00:00Z
constexpr int64_t kFarthestCivil = 1'000'000'000'000;      // seconds; zones mean nothing beyond
constexpr double kDoublesBelow = 1e19;                     // beyond any 64-bit count of nanoseconds

int64_t FloorDivide(int64_t value, int64_t by) {
  const int64_t quotient = value / by;
  return quotient - (value % by < 0 ? 1 : 0);
}

int64_t MillisOfInteger(int64_t value) {
  const uint64_t magnitude = value < 0 ? -static_cast<uint64_t>(value) : value;
  if (magnitude < kSecondsBelow) return value * 1000;
  if (magnitude < kMillisBelow) return value;
  if (magnitude < kMicrosBelow) return FloorDivide(value, 1000);
  return FloorDivide(value, 1'000'000);
}

// Rounds to microseconds first: the nearest double to 1713928381.988 s is just below it.
std::optional<int64_t> MillisOfReal(double value) {
  const double magnitude = std::abs(value);
  if (!(magnitude < kDoublesBelow)) return std::nullopt;
  if (magnitude < kSecondsBelow) return FloorDivide(std::llround(value * 1e6), 1000);
  if (magnitude < kMillisBelow) return FloorDivide(std::llround(value * 1e3), 1000);
  if (magnitude < kMicrosBelow) return static_cast<int64_t>(std::floor(value / 1e3));
  return static_cast<int64_t>(std::floor(value / 1e6));
}

std::optional<int64_t> MillisOfTicks(int64_t ticks, Value::Unit unit) {
  switch (unit) {
    case Value::Unit::kSecond: {
      int64_t millis;
      if (__builtin_mul_overflow(ticks, int64_t{1000}, &millis)) return std::nullopt;
      return millis;
    }
    case Value::Unit::kMilli:
      return ticks;
    case Value::Unit::kMicro:
      return FloorDivide(ticks, 1000);
    case Value::Unit::kNano:
      return FloorDivide(ticks, 1'000'000);
  }
  return std::nullopt;
}

// The instant at which clocks in `zone` show what `local` milliseconds since 1970 show in UTC.
int64_t FromLocalMillis(int64_t local, absl::TimeZone zone) {
  const int64_t seconds = FloorDivide(local, 1000);
  if (zone == absl::UTCTimeZone() || std::abs(seconds) > kFarthestCivil) return local;
  const absl::CivilSecond civil = absl::CivilSecond() + seconds;
  return absl::ToUnixSeconds(absl::FromCivil(civil, zone)) * 1000 + (local - seconds * 1000);
}

std::optional<int64_t> MillisOfDate(std::string_view text, absl::TimeZone zone) {
  const std::optional<TimeText> time = ParseTimeText(text);
  if (!time) return std::nullopt;
  const int64_t local = time->local_seconds * 1000 + time->nanos / 1'000'000;
  return time->offset_seconds ? local - *time->offset_seconds * int64_t{1000}
                              : FromLocalMillis(local, zone);
}

std::optional<int64_t> MillisOfText(std::string_view text, absl::TimeZone zone) {
  text = TrimBlanks(text);
  if (text.size() >= 5 && text[4] == '-') return MillisOfDate(text, zone);
  const char* const end = text.data() + text.size();
  int64_t integer;
  if (const auto [stop, error] = std::from_chars(text.data(), end, integer);
      error == std::errc() && stop == end) {
    return MillisOfInteger(integer);
  }
  double real;
  if (const auto [stop, error] = std::from_chars(text.data(), end, real);
      error == std::errc() && stop == end) {
    return MillisOfReal(real);
  }
  return MillisOfDate(text, zone);
}

std::optional<int64_t> Millis(const Value& value, absl::TimeZone zone) {
  switch (value.kind) {
    case Value::Kind::kInt:
      return MillisOfInteger(value.integer);
    case Value::Kind::kUint:
      return static_cast<int64_t>(static_cast<uint64_t>(value.integer) / 1'000'000);
    case Value::Kind::kDouble:
    case Value::Kind::kFloat:
      return MillisOfReal(value.real);
    case Value::Kind::kTimestamp: {
      const std::optional<int64_t> local = MillisOfTicks(value.integer, value.unit);
      return value.zoned || !local ? local : FromLocalMillis(*local, zone);
    }
    case Value::Kind::kText:
    case Value::Kind::kNumber:
    case Value::Kind::kBytes:
      return MillisOfText(value.text, zone);
    case Value::Kind::kJsonText: {
      ByteBuffer scratch;
      return MillisOfText(PlainText(value, scratch), zone);
    }
    case Value::Kind::kNull:
    case Value::Kind::kBool:
    case Value::Kind::kJson:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<int64_t> ToUnixMillis(const Value& value, absl::TimeZone zone, CompactTime format) {
  if (format != CompactTime::kNone && value.kind != Value::Kind::kTimestamp) {
    ByteBuffer scratch;
    const std::optional<TimeText> time =
        ParseCompactTime(TrimBlanks(IdText(value, scratch)), format);
    if (time) return FromLocalMillis(time->local_seconds * 1000, zone);
    return absl::InvalidArgumentError(
        StrCat(QuoteValue(value), " is not a time in the format ", NameOf(format)));
  }
  if (const std::optional<int64_t> millis = Millis(value, zone)) return *millis;
  return absl::InvalidArgumentError(
      StrCat(QuoteValue(value),
             " is not a time: write a Unix time (seconds to nanoseconds) or ISO 8601, such as "
             "2024-04-24T03:13:01+02:00"));
}

void AppendSentTime(ByteBuffer& out, int64_t unix_millis) {
  AppendJsonInt(out, IsSentInSeconds(unix_millis) ? FloorDivide(unix_millis, 1000) : unix_millis);
}

absl::Status CheckRecordTime(int64_t unix_millis) {
  constexpr int64_t kMicrosFrom = 100'000'000'000'000;
  if (unix_millis < kMicrosFrom && unix_millis > -kMicrosFrom) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("the time ",
             absl::FormatTime("%Y-%m-%d", absl::FromUnixMillis(unix_millis), absl::UTCTimeZone()),
             " is not between the years -1198 and 5138, which a record can state; leave it out, or "
             "map the column to another property"));
}

absl::Status CheckEventTime(int64_t unix_millis, absl::Time now) {
  if (unix_millis < kEarliestMillis) [[unlikely]] {
    ByteBuffer shown;
    AppendPlainText(shown, Value::Timestamp(unix_millis, Value::Unit::kMilli, true));
    return absl::InvalidArgumentError(StrCat(
        "the time ", shown.view(), " is before 1971-01-01, the earliest that Mixpanel accepts"));
  }
  if (unix_millis > absl::ToUnixMillis(now) + 3'600'000) [[unlikely]] {
    ByteBuffer shown;
    AppendPlainText(shown, Value::Timestamp(unix_millis, Value::Unit::kMilli, true));
    return absl::InvalidArgumentError(
        StrCat("the time ", shown.view(), " is more than an hour in the future"));
  }
  return absl::OkStatus();
}

}  // namespace millrace
