#include "script/utf16.h"

#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace millrace {
namespace {

constexpr uint32_t kReplacement = 0xFFFD;

// Takes the character at the beginning of `text`, which is not ASCII; returns its length.
size_t Decode(std::string_view text, uint32_t& code) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 1;
  code = kReplacement;
  if (length == 1 || lead > 0xF4 || text.size() < length) return 1;
  uint32_t value = lead & (0xFF >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 1;
    value = value << 6 | (byte(i) & 0x3F);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xD800 && value < 0xE000;
  if (value < kLeast[length] || value > 0x10FFFF || surrogate) return 1;
  code = value;
  return length;
}

char16_t* Encode(char16_t* to, uint32_t code) {
  if (code < 0x10000) {
    *to++ = static_cast<char16_t>(code);
  } else {
    *to++ = static_cast<char16_t>(0xD7C0 + (code >> 10));
    *to++ = static_cast<char16_t>(0xDC00 + (code & 0x3FF));
  }
  return to;
}

char* Encode8(char* to, uint32_t code) {
  if (code < 0x800) {
    *to++ = static_cast<char>(0xC0 | code >> 6);
  } else {
    if (code < 0x10000) {
      *to++ = static_cast<char>(0xE0 | code >> 12);
    } else {
      *to++ = static_cast<char>(0xF0 | code >> 18);
      *to++ = static_cast<char>(0x80 | (code >> 12 & 0x3F));
    }
    *to++ = static_cast<char>(0x80 | (code >> 6 & 0x3F));
  }
  *to++ = static_cast<char>(0x80 | (code & 0x3F));
  return to;
}

// The character that begins at `from`, which is not ASCII; moves past it.
uint32_t TakeCode(const char16_t*& from, const char16_t* end) {
  const uint32_t unit = *from++;
  if (unit < 0xD800 || unit >= 0xE000) return unit;
  const bool pair = unit < 0xDC00 && from != end && *from >= 0xDC00 && *from < 0xE000;
  if (!pair) return kReplacement;
  return 0x10000 + ((unit - 0xD800) << 10) + (*from++ - 0xDC00U);
}

}  // namespace

void ToUtf16(std::string_view utf8, std::vector<char16_t>& out) {
  if (out.size() < utf8.size()) out.resize(utf8.size());
  const char* from = utf8.data();
  const char* const end = from + utf8.size();
  char16_t* to = out.data();
  while (from != end) {
#if defined(__SSE2__)
    while (end - from >= 16) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
      if (_mm_movemask_epi8(bytes) != 0) break;
      const __m128i zero = _mm_setzero_si128();
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm_unpacklo_epi8(bytes, zero));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 8), _mm_unpackhi_epi8(bytes, zero));
      from += 16;
      to += 16;
    }
#endif
    for (; from != end && static_cast<signed char>(*from) >= 0; ++from) {
      *to++ = static_cast<char16_t>(*from);
    }
    for (; from != end && static_cast<signed char>(*from) < 0;) {
      uint32_t code;
      from += Decode({from, static_cast<size_t>(end - from)}, code);
      to = Encode(to, code);
    }
  }
  out.resize(static_cast<size_t>(to - out.data()));
}

void AppendUtf8(const char16_t* utf16, size_t size, ByteBuffer& out) {
  constexpr size_t kMaxBytes = 3;  // of one unit; a pair takes four
  char* const begin = out.Reserve(size * kMaxBytes + 16);
  char* to = begin;
  const char16_t* from = utf16;
  const char16_t* const end = utf16 + size;
  while (from != end) {
#if defined(__SSE2__)
    while (end - from >= 16) {
      const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
      const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 8));
      const __m128i beyond =
          _mm_and_si128(_mm_or_si128(low, high), _mm_set1_epi16(static_cast<int16_t>(0xFF80)));
      if (_mm_movemask_epi8(_mm_cmpeq_epi16(beyond, _mm_setzero_si128())) != 0xFFFF) break;
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm_packus_epi16(low, high));
      from += 16;
      to += 16;
    }
#endif
    for (; from != end && *from < 0x80; ++from) *to++ = static_cast<char>(*from);
    while (from != end && *from >= 0x80) to = Encode8(to, TakeCode(from, end));
  }
  out.Commit(static_cast<size_t>(to - begin));
}

}  // namespace millrace
