#include "base/printable.h"

namespace millrace {

std::string Printable(std::string_view text) {
  std::string printable(text);
  for (size_t i = 0; i < printable.size(); ++i) {
    const auto c = static_cast<unsigned char>(printable[i]);
    // C1 controls are two bytes in UTF-8: 0xC2 0x80..0x9F.
    const bool c1 = c == 0xC2 && i + 1 < printable.size() &&
                    (static_cast<unsigned char>(printable[i + 1]) & 0xE0) == 0x80;
    if (c < 0x20 || c == 0x7F) printable[i] = '?';
    if (c1) printable[i] = printable[i + 1] = '?';
  }
  return printable;
}

}  // namespace millrace
