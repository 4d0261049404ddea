// Opening Parquet files: shared by the row reader and the column reader.
#ifndef MILLRACE_FORMATS_PARQUET_FOOTER_INTERNAL_H_
#define MILLRACE_FORMATS_PARQUET_FOOTER_INTERNAL_H_

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "arrow/memory_pool.h"
#include "formats/parquet_leaf.h"
#include "formats/parquet_schema.h"
#include "io/object_store.h"
#include "parquet/file_reader.h"
#include "parquet/metadata.h"
#include "parquet/properties.h"

namespace millrace {

struct ParquetRowGroup {
  uint64_t first_row = 0;
  uint64_t rows = 0;
  uint64_t first_byte = 0;  // of the row groups' bytes
  uint64_t bytes = 0;
};

struct ParquetFooter {
  std::shared_ptr<parquet::FileMetaData> metadata;
  std::vector<ParquetRowGroup> groups;
};

// InvalidArgument: not Parquet. DataLoss: truncated or damaged. Unimplemented: encrypted.
absl::StatusOr<ParquetFooter> ReadParquetFooter(const std::shared_ptr<ObjectReader>& object);

// An open file whose pages take bounded memory. One thread at a time.
class ParquetPages {
 public:
  // For reading `leaves` leaves side by side.
  static absl::StatusOr<std::unique_ptr<ParquetPages>> Open(std::shared_ptr<ObjectReader> object,
                                                            const ParquetFooter& footer,
                                                            size_t leaves);

  // Readers of `leaves` in row group `group`; announces their byte ranges to the object. Messages
  // name group, row and column.
  absl::StatusOr<std::vector<std::unique_ptr<LeafReader>>> OpenGroup(
      const ParquetFooter& footer, size_t group, const std::vector<const ParquetLeaf*>& leaves);

 private:
  // The system's allocator, because those that Arrow brings keep twice the memory at the same
  // speed.
  arrow::ProxyMemoryPool counting_pool_{arrow::system_memory_pool()};
  std::optional<arrow::CappedMemoryPool> pool_;
  std::optional<parquet::ReaderProperties> properties_;
  std::unique_ptr<parquet::ParquetFileReader> file_;
  std::shared_ptr<ObjectReader> object_;
};

// `status` of reading `leaf` in row group `group` at `row` of the file, with that place added.
absl::Status AtParquetRow(const absl::Status& status, size_t group, uint64_t row,
                          const ParquetLeaf& leaf);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_PARQUET_FOOTER_INTERNAL_H_
