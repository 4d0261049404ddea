// The properties of a column that a row writer needs.
#ifndef MILLRACE_FORMATS_OUTPUT_COLUMN_H_
#define MILLRACE_FORMATS_OUTPUT_COLUMN_H_

#include <cstdint>
#include <string_view>

namespace millrace {

struct OutputColumn {
  enum class Type : uint8_t { kText, kTimestamp, kInt, kDouble, kBool };
  std::string_view name;
  Type type = Type::kText;
  bool required = false;  // has no nulls
  bool zoned = false;     // kTimestamp, in microseconds: UTC, or without a zone
  bool distinct = false;  // few values repeat: a dictionary would not pay off
  bool zstd = false;      // Parquet: zstd instead of snappy
};

}  // namespace millrace

#endif  // MILLRACE_FORMATS_OUTPUT_COLUMN_H_
