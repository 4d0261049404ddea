// One leaf column of a row group: decodes pages to values in our own memory.
#ifndef MILLRACE_FORMATS_PARQUET_LEAF_H_
#define MILLRACE_FORMATS_PARQUET_LEAF_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "formats/parquet_leaf_column.h"
#include "formats/parquet_schema.h"

namespace parquet {
class RowGroupReader;
}

namespace millrace {

// Reads a leaf of one row group, front to back. One thread at a time.
class LeafReader {
 public:
  virtual ~LeafReader() = default;

  // Appends the next rows to `out` until it has `rows` of them, or at least one and about `bytes`
  // bytes. Errors as for OpenParquet; DataLoss also if the column ends. Rows appended before an
  // error are valid.
  virtual absl::Status Take(size_t rows, size_t bytes, LeafColumn& out) = 0;
  virtual absl::Status Skip(uint64_t rows) = 0;
};

// `leaf` must outlive the reader; `group` need not.
absl::StatusOr<std::unique_ptr<LeafReader>> OpenLeaf(parquet::RowGroupReader& group,
                                                     const ParquetLeaf& leaf);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_PARQUET_LEAF_H_
