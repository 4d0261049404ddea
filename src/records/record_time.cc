#include "records/record_time.h"

#include <charconv>
#include <cmath>
#include <string_view>

#include "base/byte_buffer.h"
#include "base/strings.h"
#include "formats/time_text.h"

namespace millrace {
namespace {

constexpr int64_t kSecondsBelow = 100'000'000'000;         // 1e11
constexpr int64_t kMillisBelow = 100'000'000'000'000;      // 1e14
constexpr int64_t kMicrosBelow = 100'000'000'000'000'000;  // 1e17
constexpr double kDoublesBelow = 1e19;                     // beyond any 64-bit count of nanoseconds

int64_t MicrosOfInteger(int64_t value) {
  const uint64_t magnitude =
      value < 0 ? -static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  if (magnitude < kSecondsBelow) return value * 1'000'000;
  if (magnitude < kMillisBelow) return value * 1000;
  if (magnitude < kMicrosBelow) return value;
  return MillisOfMicros(value);  // of nanoseconds
}

std::optional<int64_t> MicrosOfReal(double value) {
  const double magnitude = std::abs(value);
  if (!(magnitude < kDoublesBelow)) return std::nullopt;
  if (magnitude < kSecondsBelow) return std::llround(value * 1e6);
  if (magnitude < kMillisBelow) return std::llround(value * 1e3);
  if (magnitude < kMicrosBelow) return static_cast<int64_t>(std::floor(value));
  return static_cast<int64_t>(std::floor(value / 1e3));
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Takes digits from the front of `text`, up to `max`, after `number`. Returns how many.
size_t TakeDigits(std::string_view& text, size_t max, int64_t& number) {
  size_t taken = 0;
  for (; taken < max && taken < text.size() && IsDigit(text[taken]); ++taken) {
    number = number * 10 + (text[taken] - '0');
  }
  text.remove_prefix(taken);
  return taken;
}

// Seconds as most SDKs send them, 1713928381.988. As MicrosOfReal(), which is exact for these.
std::optional<int64_t> MicrosOfDecimal(std::string_view text) {
  constexpr size_t kMaxDigits = 10, kMicroDigits = 6;
  constexpr int64_t kDoublesExactBelow = 4'000'000'000;  // within half a microsecond
  int64_t number = 0;
  if (TakeDigits(text, kMaxDigits, number) == 0 || number >= kDoublesExactBelow) return {};
  if (!text.starts_with('.')) return {};
  text.remove_prefix(1);
  size_t digits = TakeDigits(text, kMicroDigits, number);
  if (digits == 0 || !text.empty()) return {};
  for (; digits < kMicroDigits; ++digits) number *= 10;
  return number;
}

std::optional<int64_t> MicrosOfText(std::string_view text) {
  if (const std::optional<int64_t> micros = MicrosOfDecimal(text)) return micros;
  const char* const end = text.data() + text.size();
  int64_t integer = 0;
  if (const auto [stop, error] = std::from_chars(text.data(), end, integer);
      error == std::errc() && stop == end) {
    return MicrosOfInteger(integer);
  }
  double real = 0;
  if (const auto [stop, error] = std::from_chars(text.data(), end, real);
      error == std::errc() && stop == end) {
    return MicrosOfReal(real);
  }
  const std::optional<TimeText> time = ParseTimeText(text);
  if (!time) return std::nullopt;
  const int64_t seconds = time->local_seconds - time->offset_seconds.value_or(0);
  return seconds * 1'000'000 + time->nanos / 1000;
}

}  // namespace

int64_t MillisOfMicros(int64_t micros) { return micros / 1000 - (micros % 1000 < 0 ? 1 : 0); }

std::optional<int64_t> UnixMicros(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kInt:
      return MicrosOfInteger(value.integer);
    case Value::Kind::kUint:
      return static_cast<int64_t>(static_cast<uint64_t>(value.integer) / 1000);
    case Value::Kind::kNumber:
      return MicrosOfText(value.text);
    case Value::Kind::kJsonText: {
      ByteBuffer text;
      AppendPlainText(text, value);
      return MicrosOfText(TrimBlanks(text.view()));
    }
    default:
      return std::nullopt;
  }
}

}  // namespace millrace
