// Seeded numbers for sample data: the same seed gives the same numbers on every machine.
#ifndef MILLRACE_GENERATE_RANDOM_H_
#define MILLRACE_GENERATE_RANDOM_H_

#include <cstdint>
#include <string>

namespace millrace {

// SplitMix64 (Steele, Lea, Flood 2014).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // Uniform in [0, n), n below 2^32.
  uint64_t Below(uint64_t n) { return ((Next() >> 32) * n) >> 32; }
  bool Percent(uint64_t percent) { return Below(100) < percent; }
  // In [0, 2^high), small numbers often, as in Zipf's law: uniform below 2^low, log-uniform above.
  uint64_t Skewed(int low, int high) {
    const int bits = low + static_cast<int>(Below(static_cast<uint64_t>(high - low) + 1));
    return Below(uint64_t{1} << bits);
  }

 private:
  uint64_t state_;
};

// A number that depends on both, without a visible pattern.
inline uint64_t Mix(uint64_t a, uint64_t b) { return Random(a ^ Random(b).Next()).Next(); }

// Overwrites `out` with a random (version 4) UUID, RFC 9562.
void MakeUuid(Random& random, std::string& out);

void AppendNumber(std::string& out, uint64_t number);

}  // namespace millrace

#endif  // MILLRACE_GENERATE_RANDOM_H_
