#include "generate/random.h"

#include <array>
#include <charconv>
#include <iterator>

namespace millrace {
namespace {

constexpr auto kHexPairs = [] {
  std::array<std::array<char, 2>, 256> pairs{};
  for (int byte = 0; byte < 256; ++byte) {
    pairs[byte] = {"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
  }
  return pairs;
}();

}  // namespace

void MakeUuid(Random& random, std::string& out) {
  uint64_t words[2] = {random.Next(), random.Next()};
  words[0] = (words[0] & ~uint64_t{0xf000}) | 0x4000;
  words[1] = (words[1] & ~(uint64_t{3} << 62)) | (uint64_t{2} << 62);
  out.resize(36);
  char* to = out.data();
  for (int byte = 0; byte < 16; ++byte) {
    if (byte == 4 || byte == 6 || byte == 8 || byte == 10) *to++ = '-';
    const auto bits = static_cast<uint8_t>(words[byte / 8] >> (56 - 8 * (byte % 8)));
    *to++ = kHexPairs[bits][0];
    *to++ = kHexPairs[bits][1];
  }
}

void AppendNumber(std::string& out, uint64_t number) {
  char digits[20];
  out.append(digits, std::to_chars(digits, std::end(digits), number).ptr);
}

}  // namespace millrace
