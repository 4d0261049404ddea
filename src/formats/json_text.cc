#include "formats/json_text.h"

#include <cstdint>
#include <cstring>

namespace millrace {
namespace {

constexpr uint32_t kReplacement = 0xFFFD;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The code unit of the "\uXXXX" at the beginning of `text`, or -1.
int32_t CodeUnit(std::string_view text) {
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u') return -1;
  int32_t unit = 0;
  for (int i = 2; i < 6; ++i) {
    const int digit = HexDigit(text[i]);
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

bool IsHighSurrogate(int32_t unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool IsLowSurrogate(int32_t unit) { return unit >= 0xDC00 && unit < 0xE000; }

void AppendUtf8(ByteBuffer& out, uint32_t code) {
  if (code < 0x80) {
    out.Append(static_cast<char>(code));
    return;
  }
  if (code < 0x800) {
    out.Append(static_cast<char>(0xC0 | code >> 6));
  } else {
    if (code < 0x10000) {
      out.Append(static_cast<char>(0xE0 | code >> 12));
    } else {
      out.Append(static_cast<char>(0xF0 | code >> 18));
      out.Append(static_cast<char>(0x80 | (code >> 12 & 0x3F)));
    }
    out.Append(static_cast<char>(0x80 | (code >> 6 & 0x3F)));
  }
  out.Append(static_cast<char>(0x80 | (code & 0x3F)));
}

// The character that the two-character escape "\c" means, or 0 if it is not an escape.
char PlainEscape(char c) {
  switch (c) {
    case '"':
    case '\\':
    case '/':
      return c;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return 0;
  }
}

// Appends the character of the escape at the beginning of `text`; returns the escape's length.
size_t AppendEscape(ByteBuffer& out, std::string_view text) {
  const int32_t unit = CodeUnit(text);
  if (unit < 0) {
    const char plain = text.size() > 1 ? PlainEscape(text[1]) : '\0';
    out.Append(plain != 0 ? plain : '\\');
    return plain != 0 ? 2 : 1;
  }
  const int32_t second = IsHighSurrogate(unit) ? CodeUnit(text.substr(6)) : -1;
  if (IsLowSurrogate(second)) {
    AppendUtf8(out, 0x10000 + (static_cast<uint32_t>(unit - 0xD800) << 10) +
                        static_cast<uint32_t>(second - 0xDC00));
    return 12;
  }
  const bool lone = IsHighSurrogate(unit) || IsLowSurrogate(unit);
  AppendUtf8(out, lone ? kReplacement : static_cast<uint32_t>(unit));
  return 6;
}

}  // namespace

void AppendUnescaped(ByteBuffer& out, std::string_view inside) {
  for (;;) {
    const size_t slash = inside.find('\\');
    out.Append(inside.substr(0, slash));
    if (slash == std::string_view::npos) return;
    inside.remove_prefix(slash);
    inside.remove_prefix(AppendEscape(out, inside));
  }
}

size_t FindBadEscape(std::string_view inside) {
  size_t at = inside.find('\\');
  while (at != std::string_view::npos) {
    const std::string_view rest = inside.substr(at);
    if (CodeUnit(rest) >= 0) {
      at += 6;
    } else if (rest.size() > 1 && PlainEscape(rest[1]) != 0) {
      at += 2;
    } else {
      return at;
    }
    at = inside.find('\\', at);
  }
  return std::string_view::npos;
}

void ReplaceLoneSurrogates(char* inside, size_t size) {
  const std::string_view text(inside, size);
  size_t at = text.find('\\');
  while (at != std::string_view::npos) {
    const int32_t unit = CodeUnit(text.substr(at));
    if (unit < 0) {
      at += 2;
    } else if (IsHighSurrogate(unit) && IsLowSurrogate(CodeUnit(text.substr(at + 6)))) {
      at += 12;
    } else {
      if (IsHighSurrogate(unit) || IsLowSurrogate(unit)) std::memcpy(inside + at, "\\ufffd", 6);
      at += 6;
    }
    at = text.find('\\', at);
  }
}

}  // namespace millrace
