// CSV and TSV readers, and the detection of formats. The first three bytes of the input choose the
// chunk limits and how cells are read.
#include <cstdint>
#include <string>

#include "rows_fuzzer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  if (size < 3) return 0;
  const ChunkLimits limits{.rows = size_t{data[0]} + 1, .bytes = size_t{data[1]} * 8 + 1};
  ReadOptions options;
  if ((data[2] & 1) != 0) options.quote = (data[2] & 2) != 0 ? '\'' : '\0';
  if ((data[2] & 4) != 0) options.column_names = {"a", "b"};
  if ((data[2] & 8) != 0) options.expected_columns = {"a", "b"};
  const std::string bytes(reinterpret_cast<const char*>(data) + 3, size - 3);
  for (const FileType type : {FileType::kCsv, FileType::kTsv, FileType::kAuto}) {
    options.type = type;
    CheckRows(bytes, options, limits);
  }
  return 0;
}
