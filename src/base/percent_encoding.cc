#include "base/percent_encoding.h"

#include <array>
#include <cstdint>

#include "absl/strings/ascii.h"

namespace millrace {
namespace {

// Of hex digits; -1 for other bytes.
constexpr std::array<int8_t, 256> kHexValues = [] {
  std::array<int8_t, 256> values{};
  values.fill(-1);
  constexpr std::string_view kLower = "0123456789abcdef", kUpper = "0123456789ABCDEF";
  for (size_t i = 0; i < kLower.size(); ++i) {
    values[static_cast<unsigned char>(kLower[i])] = static_cast<int8_t>(i);
    values[static_cast<unsigned char>(kUpper[i])] = static_cast<int8_t>(i);
  }
  return values;
}();

int HexValue(char c) { return kHexValues[static_cast<unsigned char>(c)]; }

// The byte that "%XX" at `text` encodes; -1: it is none.
int EncodedByte(const char* text, const char* end) {
  if (end - text < 3) return -1;
  // Negative if one of them is.
  return HexValue(text[1]) * 16 | HexValue(text[2]);
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
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at != end; ++at) {
    char c = *at;
    if (c == '%') {
      if (const int byte = EncodedByte(at, end); byte >= 0) {
        c = static_cast<char>(byte);
        at += 2;
      }
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    *out++ = c;
  }
  decoded.resize(static_cast<size_t>(out - decoded.data()));
  return decoded;
}

std::optional<std::string> UrlDecodeStrictly(std::string_view text) {
  for (size_t i = text.find('%'); i != std::string_view::npos; i = text.find('%', i + 1)) {
    if (EncodedByte(text.data() + i, text.data() + text.size()) < 0) return std::nullopt;
  }
  return UrlDecode(text, /*plus_is_space=*/false);
}

}  // namespace millrace
