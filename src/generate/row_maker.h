// What sample data is made of: columns, and rows of cells that every format can write.
#ifndef MILLRACE_GENERATE_ROW_MAKER_H_
#define MILLRACE_GENERATE_ROW_MAKER_H_

#include <cstdint>
#include <string_view>

#include "absl/types/span.h"
#include "formats/value.h"

namespace millrace {

struct GeneratedColumn {
  enum class Type : uint8_t { kText, kTimestamp, kInt, kDouble, kBool };
  std::string_view name;
  Type type = Type::kText;
  bool required = false;  // has no nulls
  bool zoned = false;     // kTimestamp, in microseconds: UTC, or of no zone
  bool distinct = false;  // few values come twice: a dictionary would not pay
  bool zstd = false;      // Parquet: zstd instead of snappy
};

// Row numbers to rows. One thread at a time.
class RowMaker {
 public:
  virtual ~RowMaker() = default;
  virtual absl::Span<const GeneratedColumn> columns() const = 0;
  // One cell per column, of its type or null; valid until the next call. A row depends on its
  // number alone, but numbers that grow by one are the quickest.
  virtual absl::Span<const Value> Make(uint64_t row) = 0;
};

}  // namespace millrace

#endif  // MILLRACE_GENERATE_ROW_MAKER_H_
