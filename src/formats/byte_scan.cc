#include "formats/byte_scan.h"

#include <cstdint>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace millrace {
namespace {

constexpr int kBlock = 64;

bool MayEndObject(const char* brace) {
  return brace[1] == '{' || static_cast<unsigned char>(brace[1]) <= ' ';
}

#if defined(__SSE2__)

// The first byte of the block at `from`, among those whose bits are set in `found`, that ends a
// line or an object; null if none does.
inline const char* FirstEnd(const char* from, const char* end, uint64_t found) {
  for (; found != 0; found &= found - 1) {
    const char* at = from + __builtin_ctzll(found);
    if (at >= end) return end;
    if (*at == '\n' || MayEndObject(at)) return at;
  }
  return nullptr;
}

inline uint64_t Bits(int mask) { return static_cast<uint32_t>(mask); }

__attribute__((target("avx2"))) const char* FindWithAvx2(const char* from, const char* end) {
  const __m256i newline = _mm256_set1_epi8('\n');
  const __m256i close = _mm256_set1_epi8('}');
  for (; from < end; from += kBlock) {
    const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + 32));
    const __m256i in_low =
        _mm256_or_si256(_mm256_cmpeq_epi8(low, newline), _mm256_cmpeq_epi8(low, close));
    const __m256i in_high =
        _mm256_or_si256(_mm256_cmpeq_epi8(high, newline), _mm256_cmpeq_epi8(high, close));
    const __m256i either = _mm256_or_si256(in_low, in_high);
    if (_mm256_testz_si256(either, either) != 0) continue;
    const uint64_t found = Bits(_mm256_movemask_epi8(in_low)) | Bits(_mm256_movemask_epi8(in_high))
                                                                    << 32;
    if (const char* at = FirstEnd(from, end, found); at != nullptr) return at;
  }
  return end;
}

#endif

}  // namespace

const char* FindLineOrObjectEndPortably(const char* from, const char* end) {
#if defined(__SSE2__)
  const __m128i newline = _mm_set1_epi8('\n');
  const __m128i close = _mm_set1_epi8('}');
  const auto find = [&](const char* at) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    return _mm_or_si128(_mm_cmpeq_epi8(bytes, newline), _mm_cmpeq_epi8(bytes, close));
  };
  for (; from < end; from += kBlock) {
    const __m128i a = find(from);
    const __m128i b = find(from + 16);
    const __m128i c = find(from + 32);
    const __m128i d = find(from + 48);
    if (_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d))) == 0) continue;
    const uint64_t found = Bits(_mm_movemask_epi8(a)) | Bits(_mm_movemask_epi8(b)) << 16 |
                           Bits(_mm_movemask_epi8(c)) << 32 | Bits(_mm_movemask_epi8(d)) << 48;
    if (const char* at = FirstEnd(from, end, found); at != nullptr) return at;
  }
  return end;
#else
  for (; from < end; ++from) {
    if (*from == '\n' || (*from == '}' && MayEndObject(from))) return from;
  }
  return end;
#endif
}

const char* FindLineOrObjectEnd(const char* from, const char* end) {
#if defined(__SSE2__)
  static const bool avx2 = __builtin_cpu_supports("avx2") != 0;
  if (avx2) return FindWithAvx2(from, end);
#endif
  return FindLineOrObjectEndPortably(from, end);
}

}  // namespace millrace
