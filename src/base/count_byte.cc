#include "base/count_byte.h"

#include <algorithm>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace millrace {

size_t CountByte(std::string_view text, char byte) {
  const char* from = text.data();
  const char* const end = from + text.size();
  size_t count = 0;
#if defined(__SSE2__)
  const __m128i wanted = _mm_set1_epi8(byte);
  const __m128i zero = _mm_setzero_si128();
  while (end - from >= 16) {
    // A lane counts at most 255 matches before it is added to the sum.
    const ptrdiff_t blocks = std::min<ptrdiff_t>((end - from) / 16, 255);
    __m128i finds = zero;
    for (ptrdiff_t i = 0; i < blocks; ++i, from += 16) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
      finds = _mm_sub_epi8(finds, _mm_cmpeq_epi8(bytes, wanted));
    }
    const __m128i sums = _mm_sad_epu8(finds, zero);
    count += static_cast<size_t>(_mm_cvtsi128_si32(sums)) +
             static_cast<size_t>(_mm_cvtsi128_si32(_mm_srli_si128(sums, 8)));
  }
#endif
  return count + static_cast<size_t>(std::count(from, end, byte));
}

}  // namespace millrace
