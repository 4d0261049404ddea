#include "base/percent_encoding.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace millrace {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The byte that the "%XX" at the beginning of `text` encodes; -1: it is none.
int EncodedByte(std::string_view text) {
  if (text.size() < 3 || text[0] != '%') return -1;
  const int high = HexDigit(text[1]), low = HexDigit(text[2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

}  // namespace

std::string UrlEncode(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte) || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

std::string UrlDecode(std::string_view text, bool plus_is_space) {
  std::string decoded(text.size(), '\0');
  char* out = decoded.data();
  while (!text.empty()) {
    const std::string_view plain = text.substr(0, text.find('%'));
    std::copy(plain.begin(), plain.end(), out);
    if (plus_is_space) std::replace(out, out + plain.size(), '+', ' ');
    out += plain.size();
    text.remove_prefix(plain.size());
    // Escapes come in runs.
    for (; text.starts_with('%'); ++out) {
      const int byte = EncodedByte(text);
      *out = byte < 0 ? '%' : static_cast<char>(byte);
      text.remove_prefix(byte < 0 ? 1 : 3);
    }
  }
  decoded.resize(static_cast<size_t>(out - decoded.data()));
  return decoded;
}

std::optional<std::string> UrlDecodeStrictly(std::string_view text) {
  for (size_t i = text.find('%'); i != std::string_view::npos; i = text.find('%', i + 1)) {
    if (EncodedByte(text.substr(i)) < 0) return std::nullopt;
  }
  return UrlDecode(text, /*plus_is_space=*/false);
}

}  // namespace millrace
