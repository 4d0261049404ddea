// Parquet files in memory, for tests.
#ifndef MILLRACE_FORMATS_TESTING_PARQUET_FILES_H_
#define MILLRACE_FORMATS_TESTING_PARQUET_FILES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace arrow {
class Array;
class DataType;
}  // namespace arrow
namespace parquet {
class RowGroupWriter;
namespace schema {
class Node;
}
}  // namespace parquet

namespace millrace {

// An array of `type` with the elements of the JSON array `json`.
std::shared_ptr<arrow::Array> ArrayOf(const std::shared_ptr<arrow::DataType>& type,
                                      std::string_view json);

struct ParquetFormat {
  bool dictionary = true;
  bool int96 = false;  // timestamps
  bool checksums = false;
  bool compressed = false;  // by `codec`
  std::string codec = "zstd";
  std::string encoding;  // of columns without a dictionary: "DELTA_BYTE_ARRAY", ...
  bool pages_v2 = false;
  int64_t page_bytes = 1 << 20;
  int64_t group_rows = 1 << 20;
};

using NamedArray = std::pair<std::string, std::shared_ptr<arrow::Array>>;

// A file of these columns, all optional.
std::string MakeParquet(const std::vector<NamedArray>& columns, const ParquetFormat& format = {});

// A file of these integer columns, and one row of ones.
std::string MakeOneRowParquet(const std::vector<std::string>& columns);

// A file with one row group that `write` fills.
std::string MakeLowLevelParquet(const std::vector<std::shared_ptr<parquet::schema::Node>>& fields,
                                const std::function<void(parquet::RowGroupWriter&)>& write);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_TESTING_PARQUET_FILES_H_
