// Finding bytes in text, 16 at a time. The text lies in a ByteBuffer: up to 15 bytes behind its end
// are read (never used), which the buffer's padding allows.
#ifndef MILLRACE_FORMATS_BYTE_SCAN_H_
#define MILLRACE_FORMATS_BYTE_SCAN_H_

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

}  // namespace millrace

#endif  // MILLRACE_FORMATS_BYTE_SCAN_H_
