#include "staypoints/user_prefix.h"

#include <cstddef>

namespace millrace {
namespace {

// Bytes of the first `most` characters of `text`.
size_t Characters(std::string_view text, int max) {
  size_t at = 0;
  for (; max > 0 && at < text.size(); --max) {
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
  }
  return at;
}

bool NeedsEscape(unsigned char c) {
  constexpr std::string_view kEscaped = "\"#%'*/:=?\\{[]^\x7f";
  return c < 0x20 || kEscaped.find(static_cast<char>(c)) != std::string_view::npos;
}

}  // namespace

UserPrefix PrefixOf(std::string_view id) {
  const size_t first = Characters(id, 2);
  const std::string_view rest = id.substr(first);
  return {id.substr(0, first), rest.substr(0, Characters(rest, 2))};
}

std::string HiveFolderValue(std::string_view value) {
  if (value.empty()) return "__HIVE_DEFAULT_PARTITION__";
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string folder;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (NeedsEscape(byte)) {
      folder += '%';
      folder += kDigits[byte >> 4];
      folder += kDigits[byte & 15];
    } else {
      folder += c;
    }
  }
  return folder;
}

}  // namespace millrace
