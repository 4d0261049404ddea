#include "base/utf8.h"

namespace millrace {

bool IsWellFormedUtf8(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const auto lead = static_cast<unsigned char>(text[at++]);
    if (lead < 0x80) continue;
    if (lead < 0xC2 || lead > 0xF4) return false;
    const size_t more = lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    if (text.size() - at < more) return false;
    // The second byte rules out overlong forms, surrogates and what is beyond U+10FFFF.
    const auto second = static_cast<unsigned char>(text[at]);
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
        (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) {
      return false;
    }
    for (const size_t end = at + more; at < end; ++at) {
      if ((text[at] & 0xC0) != 0x80) return false;
    }
  }
  return true;
}

std::string_view CutUtf8(std::string_view text, size_t max) {
  if (text.size() <= max) return text;
  size_t end = max;
  while (end > 0 && end + 3 > max && (text[end] & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

}  // namespace millrace
