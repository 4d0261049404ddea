#include "connectors/snowflake/request_id.h"

#include <cstdint>

#include "absl/random/random.h"
#include "absl/strings/str_format.h"

namespace millrace::snowflake {

std::string NewRequestId() {
  absl::BitGen random;
  const auto word = [&] { return absl::Uniform<uint32_t>(random); };
  const uint32_t a = word(), b = word(), c = word(), d = word();
  return absl::StrFormat("%08x-%04x-4%03x-%04x-%04x%08x", a, b >> 16, b & 0xFFF,
                         0x8000 | (c >> 16 & 0x3FFF), c & 0xFFFF, d);
}

}  // namespace millrace::snowflake
