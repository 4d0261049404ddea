// 128-bit content hashes (XXH3-128): for identity, not for secrecy.
#ifndef MILLRACE_BASE_HASH_H_
#define MILLRACE_BASE_HASH_H_

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace millrace {

struct Hash128 {
  uint64_t high = 0;
  uint64_t low = 0;

  friend auto operator<=>(const Hash128&, const Hash128&) = default;
};

Hash128 HashBytes(std::string_view bytes);

// A hash of a set: the sum, modulo 2^128, of its members' hashes. The order of adding does not
// count; the number of times does.
class UnorderedHash {
 public:
  void Add(std::string_view member);
  Hash128 sum() const { return sum_; }

 private:
  Hash128 sum_;
};

// 32 lower-case hex digits, most significant first. `out` has room for 32 bytes.
void WriteHex(const Hash128& hash, char* out);
std::string ToHex(const Hash128& hash);

}  // namespace millrace

#endif  // MILLRACE_BASE_HASH_H_
