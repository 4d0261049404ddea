#include "formats/id_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

#include "base/json_writer.h"
#include "formats/byte_scan.h"

namespace millrace {
namespace {

constexpr double kExactDoubles = 9007199254740992.0;  // 2^53
constexpr int64_t kMaxDigits = 400;                   // the largest double has 309

// A decimal number: 0.`digits` times ten to the power of `point`; no digits for zero.
struct Decimal {
  bool negative = false;
  std::string digits;
  int64_t point = 0;
};

// False if the exponent is far out of range.
bool ParseDecimal(std::string_view json, Decimal& decimal) {
  decimal.negative = json.starts_with('-');
  if (decimal.negative) json.remove_prefix(1);
  const size_t mark = json.find_first_of("eE");
  int64_t exponent = 0;
  if (mark != std::string_view::npos) {
    std::string_view text = json.substr(mark + 1);
    if (text.starts_with('+')) text.remove_prefix(1);
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, exponent);
    if (error != std::errc() || stop != end) return false;
    if (exponent > 2 * kMaxDigits || exponent < -2 * kMaxDigits) return false;
    json = json.substr(0, mark);
  }
  const size_t dot = json.find('.');
  decimal.digits = json.substr(0, dot);
  decimal.point = static_cast<int64_t>(decimal.digits.size()) + exponent;
  if (dot != std::string_view::npos) decimal.digits += json.substr(dot + 1);
  const size_t first = std::min(decimal.digits.find_first_not_of('0'), decimal.digits.size());
  decimal.digits.erase(0, first);
  decimal.point -= static_cast<int64_t>(first);
  decimal.digits.resize(decimal.digits.find_last_not_of('0') + 1);
  return true;
}

// Appends the shortest digits that read back as the same `number`.
template <typename Real>
void AppendShortest(ByteBuffer& out, Real number) {
  if (!std::isfinite(number)) return out.Append("null");
  char digits[40];
  const auto [end, error] =
      std::to_chars(std::begin(digits), std::end(digits), number, std::chars_format::scientific);
  AppendPlainNumber(out, {digits, static_cast<size_t>(end - digits)});
}

}  // namespace

void AppendPlainNumber(ByteBuffer& out, std::string_view json) {
  const bool integer = json.find_first_of(".eE") == std::string_view::npos;
  if (integer && json != "-0") return out.Append(json);
  Decimal decimal;
  if (!ParseDecimal(json, decimal)) return out.Append(json);
  const auto& [negative, digits, point] = decimal;
  if (digits.empty()) return out.Append('0');
  const auto size = static_cast<int64_t>(digits.size());
  if (point > kMaxDigits || point < -kMaxDigits) return out.Append(json);
  if (negative) out.Append('-');
  if (point <= 0) {
    out.Append("0.");
    out.Append(std::string(static_cast<size_t>(-point), '0'));
    out.Append(digits);
  } else if (point >= size) {
    out.Append(digits);
    out.Append(std::string(static_cast<size_t>(point - size), '0'));
  } else {
    out.Append(std::string_view(digits).substr(0, static_cast<size_t>(point)));
    out.Append('.');
    out.Append(std::string_view(digits).substr(static_cast<size_t>(point)));
  }
}

std::string_view IdTextOfAny(const Value& value, ByteBuffer& scratch) {
  switch (value.kind) {
    case Value::Kind::kNull:
      return {};
    case Value::Kind::kNumber:
      if (value.text.find_first_of(".eE-") == std::string_view::npos) return value.text;
      scratch.clear();
      AppendPlainNumber(scratch, value.text);
      return scratch.view();
    case Value::Kind::kDouble:
    case Value::Kind::kFloat: {
      if (std::abs(value.real) < kExactDoubles && value.real == std::trunc(value.real)) {
        scratch.clear();
        AppendJsonInt(scratch, static_cast<int64_t>(value.real));
        return scratch.view();
      }
      scratch.clear();
      value.kind == Value::Kind::kFloat ? AppendShortest(scratch, static_cast<float>(value.real))
                                        : AppendShortest(scratch, value.real);
      return scratch.view();
    }
    default:
      break;
  }
  std::string_view text = value.text;
  const bool in_place = value.kind == Value::Kind::kText || value.kind == Value::Kind::kJson ||
                        (value.kind == Value::Kind::kJsonText && !Contains(text, '\\'));
  if (!in_place) {
    scratch.clear();
    AppendPlainText(scratch, value);
    text = scratch.view();
  }
  return IsBlank(text) ? std::string_view() : text;
}

void AppendIdAsJson(ByteBuffer& out, const Value& value, std::string_view id) {
  const bool is_text = value.kind == Value::Kind::kText || value.kind == Value::Kind::kJsonText;
  is_text ? AppendJsonValue(out, value) : AppendJsonString(out, id);
}

}  // namespace millrace
