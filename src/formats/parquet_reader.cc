#include "formats/parquet_reader.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "formats/parquet_chunk.h"
#include "formats/parquet_file.h"
#include "formats/parquet_footer_internal.h"
#include "formats/parquet_leaf.h"
#include "formats/parquet_schema.h"
#include "parquet/metadata.h"

namespace millrace {
namespace {

constexpr size_t kMaxChunkBytes = 1 << 30;  // a hard limit, regardless of the caller's limits

// One open file: row groups one after another, the leaves of each side by side.
class ParquetReader : public RowReader {
 public:
  explicit ParquetReader(std::shared_ptr<ObjectReader> object) : object_(std::move(object)) {}

  absl::Status Open(const ReadOptions& options) {
    RETURN_IF_ERROR(Annotate(ReadFooter(options), "reading the Parquet footer"));
    return SkipTo(options.from.row);
  }

  absl::StatusOr<std::unique_ptr<RowChunk>> Read(const ChunkLimits& limits) override {
    RETURN_IF_ERROR(failure_);
    while (group_ < groups().size() && row_ == groups()[group_].rows) BeginGroup(group_ + 1);
    if (group_ == groups().size()) return nullptr;
    if (failure_ = OpenGroup(); !failure_.ok()) return failure_;

    std::vector<LeafColumn> columns = std::exchange(rest_, std::vector<LeafColumn>(leaves_.size()));
    const size_t rows = TakeRows(limits, columns);
    if (rows == 0) return failure_;
    const uint64_t first_row = groups()[group_].first_row + row_;
    row_ += rows;
    return std::make_unique<ParquetChunk>(schema_, std::move(columns), first_row, rows);
  }

  FileType type() const override { return FileType::kParquet; }

  uint64_t raw_bytes() const override {
    const uint64_t size = object_->info().size;
    if (group_ == groups().size()) return size;
    const ParquetRowGroup& group = groups()[group_];
    const double share =
        static_cast<double>(row_) / static_cast<double>(std::max<uint64_t>(group.rows, 1));
    return std::min(
        size, group.first_byte + static_cast<uint64_t>(share * static_cast<double>(group.bytes)));
  }

  uint64_t known_rows() const override {
    return groups().empty() ? 0 : groups().back().first_row + groups().back().rows;
  }
  std::vector<std::string> columns() const override { return schema_->names; }
  std::vector<RenamedColumn> renamed_columns() const override { return schema_->renamed; }

 private:
  absl::Status ReadFooter(const ReadOptions& options) {
    ASSIGN_OR_RETURN(footer_, ReadParquetFooter(object_));
    try {
      ASSIGN_OR_RETURN(schema_, CompileParquetSchema(*footer_.metadata->schema(), options.columns,
                                                     options.field_names.get()));
    } catch (...) {
      return CaughtParquetError();
    }
    for (const ParquetLeaf& leaf : schema_->leaves) wanted_.push_back(&leaf);
    ASSIGN_OR_RETURN(pages_, ParquetPages::Open(object_, footer_, wanted_.size()));
    return absl::OkStatus();
  }

  absl::Status SkipTo(uint64_t row) {
    if (row > known_rows()) {
      return absl::InvalidArgumentError(
          StrCat("cannot resume at row ", row, ": the file has ", known_rows(), " rows"));
    }
    while (group_ < groups().size() && row >= groups()[group_].first_row + groups()[group_].rows) {
      BeginGroup(group_ + 1);
    }
    if (group_ == groups().size() || row == groups()[group_].first_row) return absl::OkStatus();
    RETURN_IF_ERROR(OpenGroup());
    const uint64_t rows = row - groups()[group_].first_row;
    for (size_t i = 0; i < leaves_.size(); ++i) {
      RETURN_IF_ERROR(AtRow(leaves_[i]->Skip(rows), i, 0));
    }
    row_ = rows;
    return absl::OkStatus();
  }

  void BeginGroup(size_t group) {
    group_ = group;
    row_ = 0;
    leaves_.clear();
    is_open_ = false;
  }

  // Opens the leaves of the current row group, if they are not open.
  absl::Status OpenGroup() {
    if (is_open_) return absl::OkStatus();
    ASSIGN_OR_RETURN(leaves_, pages_->OpenGroup(footer_, group_, wanted_));
    uint64_t bytes = 0;
    for (const ParquetLeaf* leaf : wanted_) bytes += BytesOf(*leaf);
    row_bytes_ = bytes / std::max<uint64_t>(groups()[group_].rows, 1);
    rest_.resize(leaves_.size());
    is_open_ = true;
    return absl::OkStatus();
  }

  // The size of a leaf in the current row group, uncompressed.
  uint64_t BytesOf(const ParquetLeaf& leaf) const {
    try {
      const int64_t bytes = footer_.metadata->RowGroup(static_cast<int>(group_))
                                ->ColumnChunk(leaf.column)
                                ->total_uncompressed_size();
      return static_cast<uint64_t>(std::max<int64_t>(bytes, 0));
    } catch (...) {
      return 0;
    }
  }

  // Fills `columns` up to the same row and returns how many rows they have; fewer than requested,
  // with failure_ set, if a leaf fails there. Rows that leaves have read beyond that go to rest_.
  size_t TakeRows(const ChunkLimits& limits, std::vector<LeafColumn>& columns) {
    const uint64_t left = groups()[group_].rows - row_;
    const size_t max = std::min(limits.bytes, kMaxChunkBytes);
    const uint64_t fitting = max / std::max<uint64_t>(row_bytes_, 1);
    size_t rows =
        std::min({left, std::max<uint64_t>(limits.rows, 1), std::max<uint64_t>(fitting, 1)});
    size_t bytes = 0;
    for (size_t i = 0; i < leaves_.size() && rows > 0; ++i) {
      LeafColumn& column = columns[i];
      // The average row size determines how many rows are requested; these limits apply if rows get
      // larger.
      const size_t room = std::max(2 * max - std::min(2 * max, bytes), max / 16 + 1);
      const absl::Status taken = leaves_[i]->Take(rows, column.bytes() + room, column);
      rows = std::min(rows, column.rows);
      bytes += column.bytes();
      if (!taken.ok()) failure_ = AtRow(taken, i, rows);
    }
    if (!failure_.ok()) return rows;
    size_t kept = 0;
    for (size_t i = 0; i < leaves_.size(); ++i) {
      if (columns[i].rows > rows) rest_[i] = CutTail(schema_->leaves[i], columns[i], rows);
      kept += columns[i].bytes();
    }
    row_bytes_ = kept / rows;
    return rows;
  }

  // `status` of leaf `leaf`, `rows` rows after the current one, with its place added.
  absl::Status AtRow(const absl::Status& status, size_t leaf, size_t rows) const {
    if (status.ok()) return status;
    return AtParquetRow(status, group_, groups()[group_].first_row + row_ + rows,
                        schema_->leaves[leaf]);
  }
  const std::vector<ParquetRowGroup>& groups() const { return footer_.groups; }

  const std::shared_ptr<ObjectReader> object_;
  ParquetFooter footer_;
  std::shared_ptr<const ParquetSchema> schema_;
  std::vector<const ParquetLeaf*> wanted_;  // those of schema_
  std::unique_ptr<ParquetPages> pages_;

  size_t group_ = 0;  // the one being read
  uint64_t row_ = 0;  // the next row in it
  bool is_open_ = false;
  std::vector<std::unique_ptr<LeafReader>> leaves_;  // one per leaf of the schema, if open
  std::vector<LeafColumn> rest_;                     // rows after row_ that leaves have read
  uint64_t row_bytes_ = 1;                           // estimated size of a row
  absl::Status failure_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RowReader>> OpenParquet(std::shared_ptr<ObjectReader> object,
                                                       const ReadOptions& options) {
  auto reader = std::make_unique<ParquetReader>(std::move(object));
  RETURN_IF_ERROR(reader->Open(options));
  return reader;
}

}  // namespace millrace
