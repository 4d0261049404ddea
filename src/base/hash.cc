#include "base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace millrace {

Hash128 HashBytes(std::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.high64, hash.low64};
}

void UnorderedHash::Add(std::string_view member) {
  const Hash128 hash = HashBytes(member);
  sum_.low += hash.low;
  sum_.high += hash.high + (sum_.low < hash.low ? 1 : 0);
}

void WriteHex(const Hash128& hash, char* out) {
  for (const uint64_t word : {hash.high, hash.low}) {
    for (int shift = 60; shift >= 0; shift -= 4) *out++ = "0123456789abcdef"[(word >> shift) & 15];
  }
}

std::string ToHex(const Hash128& hash) {
  std::string hex(32, '\0');
  WriteHex(hash, hex.data());
  return hex;
}

}  // namespace millrace
