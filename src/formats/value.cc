#include "formats/value.h"

#include <charconv>
#include <cmath>
#include <string>

#include "absl/strings/escaping.h"
#include "base/json_writer.h"
#include "base/strings.h"
#include "formats/json_text.h"

namespace millrace {
namespace {

constexpr int64_t kTicks[] = {1, 1'000, 1'000'000, 1'000'000'000};  // per second, by Value::Unit
constexpr int kDigits[] = {0, 3, 6, 9};

struct Date {
  int64_t year;
  int month;
  int day;
};

// The proleptic Gregorian date `days` after 1970-01-01, for any number of days within a 64-bit
// number of seconds (the eras of Howard Hinnant's "chrono-compatible low-level date algorithms").
Date DateOfDays(int64_t days) {
  days += 719468;
  const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const int64_t day_of_era = days - era * 146097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month_from_march = (5 * day_of_year + 2) / 153;
  const int day = static_cast<int>(day_of_year - (153 * month_from_march + 2) / 5 + 1);
  const int month =
      static_cast<int>(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

// Writes `value` with exactly `digits` digits.
char* WriteDigits(char* to, int64_t value, int digits) {
  for (int i = digits - 1; i >= 0; --i, value /= 10) to[i] = static_cast<char>('0' + value % 10);
  return to + digits;
}

// Years outside 0000 to 9999 have a sign and at least six digits, as in ECMAScript.
char* WriteYear(char* to, int64_t year) {
  if (year >= 0 && year <= 9999) return WriteDigits(to, year, 4);
  *to++ = year < 0 ? '-' : '+';
  const int64_t magnitude = year < 0 ? -year : year;
  if (magnitude < 1'000'000) return WriteDigits(to, magnitude, 6);
  return std::to_chars(to, to + 16, magnitude).ptr;
}

void AppendTimestamp(ByteBuffer& out, const Value& value) {
  const int64_t ticks_per_second = kTicks[static_cast<int>(value.unit)];
  int64_t seconds = value.integer / ticks_per_second;
  int64_t fraction = value.integer % ticks_per_second;
  if (fraction < 0) {
    fraction += ticks_per_second;
    --seconds;
  }
  int64_t days = seconds / 86400;
  int64_t second_of_day = seconds % 86400;
  if (second_of_day < 0) {
    second_of_day += 86400;
    --days;
  }
  int digits = kDigits[static_cast<int>(value.unit)];
  for (; digits > 0 && fraction % 1000 == 0; digits -= 3) fraction /= 1000;

  const Date date = DateOfDays(days);
  char* const begin = out.Reserve(64);
  char* to = WriteYear(begin, date.year);
  *to++ = '-';
  to = WriteDigits(to, date.month, 2);
  *to++ = '-';
  to = WriteDigits(to, date.day, 2);
  *to++ = 'T';
  to = WriteDigits(to, second_of_day / 3600, 2);
  *to++ = ':';
  to = WriteDigits(to, second_of_day / 60 % 60, 2);
  *to++ = ':';
  to = WriteDigits(to, second_of_day % 60, 2);
  if (digits > 0) {
    *to++ = '.';
    to = WriteDigits(to, fraction, digits);
  }
  if (value.zoned) *to++ = 'Z';
  out.Commit(static_cast<size_t>(to - begin));
}

}  // namespace

Value Value::Double(double d) {
  Value value;
  if (!std::isfinite(d)) return value;
  value.kind = Kind::kDouble;
  value.real = d;
  return value;
}

Value Value::Float(float f) {
  Value value = Double(f);
  if (!value.is_null()) value.kind = Kind::kFloat;
  return value;
}

void AppendJsonValue(ByteBuffer& out, const Value& value) {
  switch (value.kind) {
    case Value::Kind::kNull:
      return out.Append("null");
    case Value::Kind::kBool:
      return out.Append(value.integer != 0 ? "true" : "false");
    case Value::Kind::kInt:
      return value.text.empty() ? AppendJsonInt(out, value.integer) : out.Append(value.text);
    case Value::Kind::kUint:
      return AppendJsonUint(out, static_cast<uint64_t>(value.integer));
    case Value::Kind::kDouble:
      return AppendJsonDouble(out, value.real);
    case Value::Kind::kFloat:
      return AppendJsonFloat(out, static_cast<float>(value.real));
    case Value::Kind::kTimestamp:
      out.Append('"');
      AppendTimestamp(out, value);
      return out.Append('"');
    case Value::Kind::kText:
      return AppendJsonString(out, value.text);
    case Value::Kind::kJsonText:
      out.Append('"');
      out.Append(value.text);
      return out.Append('"');
    case Value::Kind::kNumber:
    case Value::Kind::kJson:
      return out.Append(value.text);
    case Value::Kind::kBytes:
      return AppendJsonBase64(out, value.text);
  }
}

void AppendPlainText(ByteBuffer& out, const Value& value) {
  switch (value.kind) {
    case Value::Kind::kText:
      return out.Append(value.text);
    case Value::Kind::kJsonText:
      return AppendUnescaped(out, value.text);
    case Value::Kind::kTimestamp:
      return AppendTimestamp(out, value);
    case Value::Kind::kBytes:
      return out.Append(absl::Base64Escape(ToAbsl(value.text)));
    default:
      return AppendJsonValue(out, value);
  }
}

}  // namespace millrace
