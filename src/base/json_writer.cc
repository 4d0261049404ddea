#include "base/json_writer.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "absl/strings/escaping.h"
#include "base/strings.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace millrace {
namespace {

constexpr std::array<bool, 256> kNeedsEscape = [] {
  std::array<bool, 256> table{};
  for (int c = 0; c < 0x20; ++c) table[c] = true;
  table['"'] = true;
  table['\\'] = true;
  return table;
}();

// The longest escape, "\u0000", per input byte.
constexpr size_t kLongestEscape = 6;

char* WriteEscape(char* to, unsigned char c) {
  *to++ = '\\';
  switch (c) {
    case '"':
    case '\\':
      *to++ = static_cast<char>(c);
      return to;
    case '\b':
      *to++ = 'b';
      return to;
    case '\f':
      *to++ = 'f';
      return to;
    case '\n':
      *to++ = 'n';
      return to;
    case '\r':
      *to++ = 'r';
      return to;
    case '\t':
      *to++ = 't';
      return to;
    default:
      std::memcpy(to, "u00", 3);
      to[3] = "0123456789abcdef"[c >> 4];
      to[4] = "0123456789abcdef"[c & 15];
      return to + 5;
  }
}

#if defined(__SSE2__)
// Bit i is set where byte i of the 16 at `from` needs an escape.
unsigned EscapeMask(__m128i bytes) {
  const __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
  const __m128i slash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
  const __m128i control =
      _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);  // byte <= 0x1f
  return static_cast<unsigned>(
      _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), control)));
}
#endif

// Copies `from` to `to` with escapes, byte by byte.
char* CopyEscapedBytes(char* to, const char* from, const char* end) {
  while (from != end) {
    const unsigned char c = static_cast<unsigned char>(*from++);
    if (kNeedsEscape[c]) {
      to = WriteEscape(to, c);
    } else {
      *to++ = static_cast<char>(c);
    }
  }
  return to;
}

#if defined(__SSE2__)
template <typename Word>
Word LoadWord(const char* from) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// Copies a text of one to two words, which overlap, if nothing in it needs an escape; else null.
template <typename Word>
char* CopyPlainWords(char* to, const char* from, size_t size) {
  const Word first = LoadWord<Word>(from);
  const Word last = LoadWord<Word>(from + size - sizeof(Word));
  const __m128i both = _mm_set_epi64x(static_cast<int64_t>(last), static_cast<int64_t>(first));
  // The bytes of 32-bit words do not fill the halves: their zeros are no part of the text.
  constexpr unsigned kText = sizeof(Word) == 8 ? 0xffff : 0x0f0f;
  if ((EscapeMask(both) & kText) != 0) return nullptr;
  std::memcpy(to, &first, sizeof first);
  std::memcpy(to + size - sizeof last, &last, sizeof last);
  return to + size;
}

// Copies a text of less than 16 bytes.
char* CopyEscapedShort(char* to, const char* from, size_t size) {
  char* plain = nullptr;
  if (size >= 8) {
    plain = CopyPlainWords<uint64_t>(to, from, size);
  } else if (size >= 4) {
    plain = CopyPlainWords<uint32_t>(to, from, size);
  }
  return plain != nullptr ? plain : CopyEscapedBytes(to, from, from + size);
}
#endif

// Copies `from` to `to` with escapes; `to` has room for kLongestEscape bytes each and 16 more.
char* CopyEscaped(char* to, const char* from, size_t size) {
  const char* const end = from + size;
#if defined(__SSE2__)
  if (size < 16) return CopyEscapedShort(to, from, size);
  while (end - from >= 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes);
    const unsigned mask = EscapeMask(bytes);
    const int clean = mask == 0 ? 16 : __builtin_ctz(mask);
    from += clean;
    to += clean;
    if (mask != 0) to = WriteEscape(to, static_cast<unsigned char>(*from++));
  }
  // If the last 16 bytes need no escape, those already copied stay unchanged.
  const __m128i last = _mm_loadu_si128(reinterpret_cast<const __m128i*>(end - 16));
  if (EscapeMask(last) == 0) {
    to += end - from;
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to - 16), last);
    return to;
  }
#endif
  return CopyEscapedBytes(to, from, end);
}

template <typename Number>
void AppendNumber(ByteBuffer& out, Number value) {
  char* begin = out.Reserve(32);
  out.Commit(static_cast<size_t>(std::to_chars(begin, begin + 32, value).ptr - begin));
}

// Room for a text of `size` bytes as WriteString() writes it.
constexpr size_t RoomForString(size_t size) { return size * kLongestEscape + 18; }

char* WriteString(char* to, std::string_view text) {
  *to++ = '"';
  to = CopyEscaped(to, text.data(), text.size());
  *to++ = '"';
  return to;
}

}  // namespace

void AppendJsonString(ByteBuffer& out, std::string_view text) {
  char* const begin = out.Reserve(RoomForString(text.size()));
  out.Commit(static_cast<size_t>(WriteString(begin, text) - begin));
}

void AppendJsonString(std::string& out, std::string_view text) {
  constexpr size_t kShort = 64;  // most texts: they need no memory from the heap
  if (text.size() <= kShort) {
    char written[RoomForString(kShort)];
    out.append(written, static_cast<size_t>(WriteString(written, text) - written));
    return;
  }
  ByteBuffer buffer;
  AppendJsonString(buffer, text);
  out.append(buffer.view());
}

void AppendJsonInt(ByteBuffer& out, int64_t value) { AppendNumber(out, value); }

void AppendJsonUint(ByteBuffer& out, uint64_t value) { AppendNumber(out, value); }

void AppendJsonDouble(ByteBuffer& out, double value) {
  if (!std::isfinite(value)) return out.Append("null");
  AppendNumber(out, value);
}

void AppendJsonFloat(ByteBuffer& out, float value) {
  if (!std::isfinite(value)) return out.Append("null");
  AppendNumber(out, value);
}

void AppendJsonBase64(ByteBuffer& out, std::string_view bytes) {
  out.Append('"');
  out.Append(absl::Base64Escape(ToAbsl(bytes)));
  out.Append('"');
}

}  // namespace millrace
