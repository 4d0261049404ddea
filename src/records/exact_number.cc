#include "records/exact_number.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>

namespace millrace {
namespace {

constexpr size_t kAlwaysExact = 15;  // so many digits survive any double that is not subnormal

// 0.<digits> * 10^exponent, without zeros at either end; no digits: zero.
struct Decimal {
  std::string digits;
  int64_t exponent = 0;
};

Decimal ParseDecimal(std::string_view number) {
  Decimal decimal;
  if (number.starts_with('-')) number.remove_prefix(1);
  size_t at = 0;
  bool fraction = false;
  for (; at < number.size() && number[at] != 'e' && number[at] != 'E'; ++at) {
    if (number[at] == '.') {
      fraction = true;
      continue;
    }
    const bool leading_zero = decimal.digits.empty() && number[at] == '0';
    if (!leading_zero) decimal.digits += number[at];
    if (fraction ? leading_zero : !leading_zero) decimal.exponent += fraction ? -1 : 1;
  }
  if (at < number.size()) {
    std::string_view power = number.substr(at + 1);
    if (power.starts_with('+')) power.remove_prefix(1);
    int32_t exponent = 0;
    const auto [stop, error] = std::from_chars(power.begin(), power.end(), exponent);
    if (error != std::errc()) exponent = power.starts_with('-') ? INT32_MIN : INT32_MAX;
    decimal.exponent += exponent;
  }
  while (decimal.digits.ends_with('0')) decimal.digits.pop_back();
  if (decimal.digits.empty()) decimal.exponent = 0;
  return decimal;
}

bool IsShortDecimal(std::string_view json) {
  return json.size() <= kAlwaysExact && json.find_first_of("eE") == std::string_view::npos;
}

}  // namespace

bool FitsDouble(std::string_view json) {
  if (IsShortDecimal(json)) return true;
  double value = 0;
  const auto [stop, error] = std::from_chars(json.data(), json.data() + json.size(), value);
  if (error != std::errc() || !std::isfinite(value)) return false;
  char shortest[64];
  const auto written = std::to_chars(shortest, shortest + sizeof shortest, value);
  const Decimal given = ParseDecimal(json);
  const Decimal kept = ParseDecimal({shortest, static_cast<size_t>(written.ptr - shortest)});
  return given.digits == kept.digits && given.exponent == kept.exponent;
}

}  // namespace millrace
