// Finding bytes in text, 16 at a time. The text lies in a ByteBuffer: up to 63 bytes behind its end
// are read (never used), which the buffer's padding allows.
#ifndef MILLRACE_FORMATS_BYTE_SCAN_H_
#define MILLRACE_FORMATS_BYTE_SCAN_H_

#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace millrace {

// The first byte in [from, end) that is `a` or `b`, or `end`.
inline const char* FindEither(const char* from, const char* end, char a, char b) {
#if defined(__SSE2__)
  const __m128i all_a = _mm_set1_epi8(a);
  const __m128i all_b = _mm_set1_epi8(b);
  for (; from < end; from += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    const int found =
        _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(bytes, all_a), _mm_cmpeq_epi8(bytes, all_b)));
    if (found != 0) {
      const char* at = from + __builtin_ctz(static_cast<unsigned>(found));
      return at < end ? at : end;
    }
  }
  return end;
#else
  while (from < end && *from != a && *from != b) ++from;
  return from;
#endif
}

// The first byte in [from, end) that is `a`, `b` or `c`, or `end`.
inline const char* FindAnyOf(const char* from, const char* end, char a, char b, char c) {
#if defined(__SSE2__)
  const __m128i all_a = _mm_set1_epi8(a);
  const __m128i all_b = _mm_set1_epi8(b);
  const __m128i all_c = _mm_set1_epi8(c);
  for (; from < end; from += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    const __m128i either = _mm_or_si128(_mm_cmpeq_epi8(bytes, all_a), _mm_cmpeq_epi8(bytes, all_b));
    const int found = _mm_movemask_epi8(_mm_or_si128(either, _mm_cmpeq_epi8(bytes, all_c)));
    if (found != 0) {
      const char* at = from + __builtin_ctz(static_cast<unsigned>(found));
      return at < end ? at : end;
    }
  }
  return end;
#else
  while (from < end && *from != a && *from != b && *from != c) ++from;
  return from;
#endif
}

// The first byte in [from, end) that is '\n', or is '}' and comes before '{', white space or a
// control character; `end` if there is none. What comes after the last byte is not known: a '}'
// there may be passed over.
inline const char* FindLineOrObjectEnd(const char* from, const char* end) {
  const auto ends_object = [](const char* brace) {
    return brace[1] == '{' || static_cast<unsigned char>(brace[1]) <= ' ';
  };
#if defined(__SSE2__)
  const __m128i newline = _mm_set1_epi8('\n');
  const __m128i close = _mm_set1_epi8('}');
  const auto find = [&](const char* at) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    return _mm_or_si128(_mm_cmpeq_epi8(bytes, newline), _mm_cmpeq_epi8(bytes, close));
  };
  const auto mask = [](__m128i found) {
    return static_cast<uint64_t>(static_cast<unsigned>(_mm_movemask_epi8(found)));
  };
  for (; from < end; from += 64) {
    const __m128i a = find(from);
    const __m128i b = find(from + 16);
    const __m128i c = find(from + 32);
    const __m128i d = find(from + 48);
    if (mask(_mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d))) == 0) continue;
    uint64_t found = mask(a) | mask(b) << 16 | mask(c) << 32 | mask(d) << 48;
    for (; found != 0; found &= found - 1) {
      const char* at = from + __builtin_ctzll(found);
      if (at >= end) return end;
      if (*at == '\n' || ends_object(at)) return at;
    }
  }
  return end;
#else
  for (; from < end; ++from) {
    if (*from == '\n' || (*from == '}' && ends_object(from))) return from;
  }
  return end;
#endif
}

}  // namespace millrace

#endif  // MILLRACE_FORMATS_BYTE_SCAN_H_
