// Rows of a Parquet file whose pages are decoded and whose cells are not yet.
#ifndef MILLRACE_FORMATS_PARQUET_CHUNK_H_
#define MILLRACE_FORMATS_PARQUET_CHUNK_H_

#include <memory>
#include <vector>

#include "formats/parquet_leaf_column.h"
#include "formats/parquet_schema.h"
#include "formats/row_reader.h"

namespace millrace {

class ParquetChunk : public RowChunk {
 public:
  // `leaves` are those of `schema`, with `rows` rows each.
  ParquetChunk(std::shared_ptr<const ParquetSchema> schema, std::vector<LeafColumn> leaves,
               uint64_t first_row, size_t rows)
      : schema_(std::move(schema)),
        leaves_(std::move(leaves)),
        first_row_(first_row),
        rows_(rows) {}

  uint64_t first_row() const override { return first_row_; }
  uint64_t row_count() const override { return rows_; }
  Position after() const override { return {first_row_ + rows_, 0}; }
  size_t memory() const override;
  void ForEachRow(DecodeScratch& scratch, RowVisitor& visitor) override;

 private:
  const std::shared_ptr<const ParquetSchema> schema_;
  const std::vector<LeafColumn> leaves_;
  const uint64_t first_row_;
  const size_t rows_;
};

}  // namespace millrace

#endif  // MILLRACE_FORMATS_PARQUET_CHUNK_H_
