#include "formats/parquet_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <iterator>
#include <vector>

#include "base/json_writer.h"
#include "formats/utf8_validation.h"

namespace millrace {
namespace {

void AppendScaled(ByteBuffer& out, bool negative, std::string_view digits, int scale) {
  const auto decimals = static_cast<size_t>(scale);
  if (negative) out.Append('-');
  if (decimals == 0) return out.Append(digits);
  if (digits.size() > decimals) {
    out.Append(digits.substr(0, digits.size() - decimals));
    out.Append('.');
    out.Append(digits.substr(digits.size() - decimals));
    return;
  }
  out.Append("0.");
  for (size_t i = digits.size(); i < decimals; ++i) out.Append('0');
  out.Append(digits);
}

uint32_t LittleEndian32(const char* bytes) {
  uint32_t value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

}  // namespace

void AppendDecimal(ByteBuffer& out, int64_t unscaled, int scale) {
  const bool negative = unscaled < 0;
  const uint64_t magnitude =
      negative ? -static_cast<uint64_t>(unscaled) : static_cast<uint64_t>(unscaled);
  char digits[20];
  const char* end = std::to_chars(digits, std::end(digits), magnitude).ptr;
  AppendScaled(out, negative, {digits, static_cast<size_t>(end - digits)}, scale);
}

bool AppendDecimal(ByteBuffer& out, std::string_view big_endian, int scale) {
  if (big_endian.empty() || big_endian.size() > kMaxDecimalBytes) return false;
  const bool negative = (big_endian.front() & 0x80) != 0;
  // The magnitude, most significant byte first.
  uint8_t bytes[kMaxDecimalBytes];
  const size_t size = big_endian.size();
  unsigned carry = negative ? 1 : 0;
  for (size_t i = size; i-- > 0;) {
    const auto byte = static_cast<uint8_t>(big_endian[i]);
    const unsigned sum = (negative ? static_cast<uint8_t>(~byte) : byte) + carry;
    bytes[i] = static_cast<uint8_t>(sum);
    carry = sum >> 8;
  }
  // Divides by 10^9 until nothing is left, the last nine digits first.
  char digits[kMaxDecimalBytes * 3 + 9];
  char* begin = std::end(digits);
  for (size_t first = 0;;) {
    while (first < size && bytes[first] == 0) ++first;
    if (first == size) break;
    uint64_t remainder = 0;
    for (size_t i = first; i < size; ++i) {
      remainder = remainder << 8 | bytes[i];
      bytes[i] = static_cast<uint8_t>(remainder / 1'000'000'000);
      remainder %= 1'000'000'000;
    }
    for (int i = 0; i < 9; ++i, remainder /= 10) {
      *--begin = static_cast<char>('0' + remainder % 10);
    }
  }
  begin = std::find_if(begin, std::end(digits), [](char digit) { return digit != '0'; });
  if (begin == std::end(digits)) *--begin = '0';
  AppendScaled(out, negative, {begin, static_cast<size_t>(std::end(digits) - begin)}, scale);
  return true;
}

void AppendDate(ByteBuffer& out, int32_t days_since_1970) {
  const size_t begin = out.size();
  AppendPlainText(out,
                  Value::Timestamp(int64_t{days_since_1970} * 86400, Value::Unit::kSecond, false));
  out.Truncate(begin + out.view(begin, out.size()).find('T'));
}

bool AppendTimeOfDay(ByteBuffer& out, int64_t ticks, Value::Unit unit) {
  constexpr int64_t kTicksPerSecond[] = {1, 1'000, 1'000'000, 1'000'000'000};
  if (ticks < 0 || ticks >= 86400 * kTicksPerSecond[static_cast<int>(unit)]) return false;
  const size_t begin = out.size();
  AppendPlainText(out, Value::Timestamp(ticks, unit, false));
  constexpr size_t kDate = std::string_view("1970-01-01T").size();
  const size_t size = out.size() - begin - kDate;
  std::memmove(out.data() + begin, out.data() + begin + kDate, size);
  out.Truncate(begin + size);
  return true;
}

void AppendUuid(ByteBuffer& out, std::string_view bytes) {
  char* to = out.Reserve(36);
  for (size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *to++ = '-';
    *to++ = "0123456789abcdef"[static_cast<uint8_t>(bytes[i]) >> 4];
    *to++ = "0123456789abcdef"[static_cast<uint8_t>(bytes[i]) & 15];
  }
  out.Commit(36);
}

void AppendInterval(ByteBuffer& out, std::string_view bytes) {
  const uint32_t months = LittleEndian32(bytes.data());
  const uint32_t days = LittleEndian32(bytes.data() + 4);
  const uint32_t millis = LittleEndian32(bytes.data() + 8);
  out.Append('P');
  if (months > 0) {
    AppendJsonUint(out, months);
    out.Append('M');
  }
  if (days > 0) {
    AppendJsonUint(out, days);
    out.Append('D');
  }
  if (millis == 0 && (months > 0 || days > 0)) return;
  out.Append('T');
  AppendDecimal(out, int64_t{millis % 1000 == 0 ? millis / 1000 : millis},
                millis % 1000 == 0 ? 0 : 3);
  out.Append('S');
}

size_t AppendRepairedUtf8(ByteBuffer& out, std::string_view text) {
  size_t first_bad = text.size();
  for (size_t at = 0; at < text.size();) {
    size_t length = 1;
    while (length <= 4 && !IsUtf8(text.substr(at, length))) ++length;
    if (length <= 4 && at + length <= text.size()) {
      out.Append(text.substr(at, length));
      at += length;
      continue;
    }
    first_bad = std::min(first_bad, at);
    out.Append("\xEF\xBF\xBD");
    ++at;
  }
  return first_bad;
}

float HalfToFloat(uint16_t half) {
  const int exponent = half >> 10 & 31;
  const int fraction = half & 1023;
  float magnitude;
  if (exponent == 31) {
    magnitude = fraction == 0 ? HUGE_VALF : std::nanf("");
  } else if (exponent == 0) {
    magnitude = std::ldexp(static_cast<float>(fraction), -24);
  } else {
    magnitude = std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
  }
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

}  // namespace millrace
