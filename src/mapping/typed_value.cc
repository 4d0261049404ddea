#include "mapping/typed_value.h"

#include <charconv>
#include <cmath>
#include <cstdint>

#include "absl/strings/match.h"
#include "base/json_writer.h"
#include "base/status.h"
#include "base/strings.h"
#include "formats/id_text.h"
#include "mapping/time_value.h"
#include "mapping/value_text.h"

namespace millrace {
namespace {

constexpr double kIntegersBelow = 9223372036854775808.0;    // 2^63
constexpr double kExactIntegersBelow = 9007199254740992.0;  // 2^53

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

size_t CountDigits(std::string_view text) {
  size_t count = 0;
  while (count < text.size() && IsDigit(text[count])) ++count;
  return count;
}

template <typename Number>
bool ParseWhole(std::string_view text, Number& number) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end;
}

bool EqualsAny(std::string_view text, std::initializer_list<std::string_view> words) {
  for (const std::string_view word : words) {
    if (absl::EqualsIgnoreCase(ToAbsl(text), ToAbsl(word))) return true;
  }
  return false;
}

// Whether the kind is written as plain text from which a number or boolean can be parsed.
bool IsTextual(const Value& value) {
  return value.kind == Value::Kind::kText || value.kind == Value::Kind::kJsonText ||
         value.kind == Value::Kind::kNumber;
}

}  // namespace

bool IsJsonNumber(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const size_t whole = CountDigits(text);
  if (whole == 0 || (whole > 1 && text[0] == '0')) return false;
  text.remove_prefix(whole);
  if (text.starts_with('.')) {
    const size_t fraction = CountDigits(text.substr(1));
    if (fraction == 0) return false;
    text.remove_prefix(1 + fraction);
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    const size_t exponent = CountDigits(text);
    if (exponent == 0) return false;
    text.remove_prefix(exponent);
  }
  return text.empty();
}

void AppendAsJsonText(ByteBuffer& out, const Value& value, ByteBuffer& scratch) {
  if (value.kind == Value::Kind::kText || value.kind == Value::Kind::kJsonText) {
    return AppendJsonValue(out, value);
  }
  AppendJsonString(out, PlainText(value, scratch));
}

TypedResult ValueTyper::Append(ByteBuffer& out, const Value& value, FieldType type,
                               CompactTime time_format) {
  if (value.is_null()) return TypedResult::kNull;
  switch (type) {
    case FieldType::kNone:
      AppendJsonValue(out, value);
      return TypedResult::kWritten;
    case FieldType::kString:
      AppendAsJsonText(out, value, scratch_);
      return TypedResult::kWritten;
    case FieldType::kStringOrUuid: {
      const std::string_view id = IdText(value, scratch_);
      if (id.empty()) return TypedResult::kNull;
      AppendIdAsJson(out, value, id);
      return TypedResult::kWritten;
    }
    case FieldType::kInteger:
      return AppendInteger(out, value);
    case FieldType::kFloat:
      return AppendFloat(out, value);
    case FieldType::kBoolean:
      return AppendBoolean(out, value);
    case FieldType::kUnixTimestampAuto:
      return AppendTime(out, value, time_format);
    case FieldType::kJson:
      return AppendJson(out, value);
  }
  return TypedResult::kNull;
}

TypedResult ValueTyper::TypeNumericId(Value& value, FieldType type) {
  id_.clear();
  const TypedResult result = Append(id_, value, type);
  if (result == TypedResult::kNull) value = Value::Null();
  // Numbers themselves are spelled as in ids (see IdText).
  const bool number = value.kind == Value::Kind::kInt || value.kind == Value::Kind::kUint ||
                      value.kind == Value::Kind::kDouble || value.kind == Value::Kind::kFloat;
  if (result == TypedResult::kWritten && !number) {
    value = Value::Text(Value::Kind::kNumber, id_.view());
  }
  return result;
}

TypedResult ValueTyper::AppendInteger(ByteBuffer& out, const Value& value) {
  double real = value.real;
  switch (value.kind) {
    case Value::Kind::kBool:
    case Value::Kind::kInt:
    case Value::Kind::kUint: {
      const bool big = value.kind == Value::Kind::kUint;
      big ? AppendJsonUint(out, static_cast<uint64_t>(value.integer))
          : AppendJsonInt(out, value.integer);
      return TypedResult::kWritten;
    }
    case Value::Kind::kDouble:
    case Value::Kind::kFloat:
      break;
    case Value::Kind::kText:
    case Value::Kind::kJsonText:
    case Value::Kind::kNumber: {
      const std::string_view text = TrimBlanks(PlainText(value, scratch_));
      if (text.empty()) return TypedResult::kNull;
      if (int64_t integer; ParseWhole(text, integer)) {
        AppendJsonInt(out, integer);
        return TypedResult::kWritten;
      }
      if (uint64_t integer; ParseWhole(text, integer)) {
        AppendJsonUint(out, integer);
        return TypedResult::kWritten;
      }
      if (!ParseWhole(text, real)) return Invalid(value, "is not an integer");
      break;
    }
    default:
      return Invalid(value, "is not an integer");
  }
  // Text that only fits a double must not lose digits in it.
  const double below = IsTextual(value) ? kExactIntegersBelow : kIntegersBelow;
  if (!(std::abs(real) < below)) return Invalid(value, "is outside the 64-bit integer range");
  if (real != std::trunc(real)) return Invalid(value, "is not an integer: it has a fraction");
  AppendJsonInt(out, static_cast<int64_t>(real));
  return TypedResult::kWritten;
}

TypedResult ValueTyper::AppendFloat(ByteBuffer& out, const Value& value) {
  if (value.kind == Value::Kind::kBool) {
    out.Append(value.integer != 0 ? '1' : '0');
    return TypedResult::kWritten;
  }
  if (!IsTextual(value)) {
    const bool number = value.kind == Value::Kind::kInt || value.kind == Value::Kind::kUint ||
                        value.kind == Value::Kind::kDouble || value.kind == Value::Kind::kFloat;
    if (!number) return Invalid(value, "is not a number");
    AppendJsonValue(out, value);
    return TypedResult::kWritten;
  }
  const std::string_view text = TrimBlanks(PlainText(value, scratch_));
  if (text.empty() || EqualsAny(text, {"nan"})) return TypedResult::kNull;
  double real;
  if (!ParseWhole(text, real)) return Invalid(value, "is not a number");
  if (!std::isfinite(real)) return TypedResult::kNull;
  if (IsJsonNumber(text)) {
    out.Append(text);
  } else {
    AppendJsonDouble(out, real);
  }
  return TypedResult::kWritten;
}

TypedResult ValueTyper::AppendBoolean(ByteBuffer& out, const Value& value) {
  if (value.kind == Value::Kind::kJson || value.kind == Value::Kind::kTimestamp ||
      value.kind == Value::Kind::kBytes) {
    return Invalid(value, "is neither true nor false");
  }
  const std::string_view text = TrimBlanks(PlainText(value, scratch_));
  if (text.empty()) return TypedResult::kNull;
  if (EqualsAny(text, {"true", "1", "t", "y", "yes"})) {
    out.Append("true");
  } else if (EqualsAny(text, {"false", "0", "f", "n", "no"})) {
    out.Append("false");
  } else {
    return Invalid(value, "is neither true (1, t, y, yes) nor false (0, f, n, no)");
  }
  return TypedResult::kWritten;
}

TypedResult ValueTyper::ReadTime(const Value& value, CompactTime format, int64_t& unix_millis) {
  if (value.is_null()) return TypedResult::kNull;
  const bool text = value.kind == Value::Kind::kText || value.kind == Value::Kind::kJsonText;
  if (text && TrimBlanks(value.text).empty()) return TypedResult::kNull;
  const absl::StatusOr<int64_t> millis = ToUnixMillis(value, zone_, format);
  if (!millis.ok()) {
    problem_ = std::string(ToStd(millis.status().message()));
    return TypedResult::kInvalid;
  }
  unix_millis = *millis;
  return TypedResult::kWritten;
}

TypedResult ValueTyper::AppendTime(ByteBuffer& out, const Value& value, CompactTime format) {
  int64_t millis = 0;
  const TypedResult result = ReadTime(value, format, millis);
  if (result == TypedResult::kWritten) AppendJsonInt(out, millis);
  return result;
}

TypedResult ValueTyper::AppendProfileTime(ByteBuffer& out, const Value& value,
                                          CompactTime time_format) {
  int64_t millis = 0;
  const TypedResult result = ReadTime(value, time_format, millis);
  if (result == TypedResult::kWritten) AppendSentTime(out, millis);
  return result;
}

TypedResult ValueTyper::AppendJson(ByteBuffer& out, const Value& value) {
  const bool text = value.kind == Value::Kind::kText || value.kind == Value::Kind::kJsonText ||
                    value.kind == Value::Kind::kBytes;
  if (!text) {
    AppendJsonValue(out, value);
    return TypedResult::kWritten;
  }
  // The bytes of untyped columns are text here.
  const std::string_view json =
      TrimBlanks(value.kind == Value::Kind::kBytes ? value.text : PlainText(value, scratch_));
  if (json.empty()) return TypedResult::kNull;
  if (json_ == nullptr) json_ = std::make_unique<JsonValueParser>();
  Value parsed;
  if (!json_->Parse(json, &parsed)) return Invalid(value, "is not JSON");
  if (parsed.is_null()) return TypedResult::kNull;
  AppendJsonValue(out, parsed);
  return TypedResult::kWritten;
}

TypedResult ValueTyper::Invalid(const Value& value, std::string_view what) {
  problem_ = StrCat(QuoteValue(value), " ", what);
  return TypedResult::kInvalid;
}

}  // namespace millrace
