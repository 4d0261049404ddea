// Finding bytes in text, 16 at a time. The text must be in a ByteBuffer: up to 63 bytes after its
// end are read (never used), which the buffer's padding allows.
#ifndef MILLRACE_FORMATS_BYTE_SCAN_H_
#define MILLRACE_FORMATS_BYTE_SCAN_H_

#include <string_view>

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

// Whether `c` is in `text`, which needs no padding here. For short texts that seldom contain it.
inline bool Contains(std::string_view text, char c) {
#if defined(__SSE2__)
  if (text.size() >= 16) {
    const __m128i all_c = _mm_set1_epi8(c);
    const char* const last = text.data() + text.size() - 16;
    for (const char* at = text.data();; at += 16) {
      if (at > last) at = last;
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
      if (_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, all_c)) != 0) return true;
      if (at == last) return false;
    }
  }
#endif
  return text.find(c) != std::string_view::npos;
}

// The first byte in [from, end) that is '\n', or is '}' followed by '{', white space or a control
// character; `end` if there is none. The byte after the last one is not known: a '}' there may be
// missed. Looks at 64 bytes at a time, with AVX2 if the machine has it.
const char* FindLineOrObjectEnd(const char* from, const char* end);

// The same without AVX2.
const char* FindLineOrObjectEndPortably(const char* from, const char* end);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_BYTE_SCAN_H_
