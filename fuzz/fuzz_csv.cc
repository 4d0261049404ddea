// CSV and TSV readers. The first two bytes of the input choose the chunk limits.
#include <cstdint>
#include <string>

#include "rows_fuzzer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  if (size < 2) return 0;
  const ChunkLimits limits{.rows = size_t{data[0]} + 1, .bytes = size_t{data[1]} * 8 + 1};
  const std::string bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  CheckRows(bytes, FileType::kCsv, limits);
  CheckRows(bytes, FileType::kTsv, limits);
  return 0;
}
