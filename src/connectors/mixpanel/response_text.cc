#include "connectors/mixpanel/response_text.h"

#include <cstdint>

namespace millrace::mixpanel {
namespace {

// The length of the well-formed UTF-8 sequence that `text` begins with, 0 if there is none
// (Unicode 15, table 3-7).
size_t SequenceLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xC2 && lead <= 0xDF   ? 2
                        : (lead & 0xF0) == 0xE0        ? 3
                        : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                       : 0;
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool overlong = (lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xF0 && byte(1) < 0x90);
  const bool surrogate = lead == 0xED && byte(1) > 0x9F;
  const bool beyond = lead == 0xF4 && byte(1) > 0x8F;
  return overlong || surrogate || beyond ? 0 : length;
}

bool IsControl(std::string_view sequence) {
  const auto lead = static_cast<uint8_t>(sequence[0]);
  if (sequence.size() == 1) return lead < 0x20 || lead == 0x7F;
  return lead == 0xC2 && static_cast<uint8_t>(sequence[1]) < 0xA0;  // U+0080 to U+009F
}

}  // namespace

std::string CleanText(std::string_view text, size_t max) {
  constexpr std::string_view kCut = "...";
  std::string clean;
  while (!text.empty()) {
    const size_t length = SequenceLength(text);
    std::string_view sequence = length == 0 ? "?" : text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
    if (IsControl(sequence)) sequence = " ";
    if (sequence == " " && (clean.empty() || clean.back() == ' ')) continue;
    if (clean.size() + sequence.size() > max) {
      while (clean.size() + kCut.size() > max && !clean.empty()) {
        while ((static_cast<uint8_t>(clean.back()) & 0xC0) == 0x80) clean.pop_back();
        clean.pop_back();
      }
      return clean.append(kCut);
    }
    clean += sequence;
  }
  if (!clean.empty() && clean.back() == ' ') clean.pop_back();
  return clean;
}

}  // namespace millrace::mixpanel
