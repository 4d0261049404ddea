#include "formats/parquet_reader.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arrow/io/interfaces.h"
#include "arrow/memory_pool.h"
#include "base/status.h"
#include "base/strings.h"
#include "formats/parquet_chunk.h"
#include "formats/parquet_file.h"
#include "formats/parquet_leaf.h"
#include "formats/parquet_schema.h"
#include "parquet/file_reader.h"
#include "parquet/metadata.h"
#include "parquet/properties.h"

namespace millrace {
namespace {

constexpr int64_t kLeastPageMemory = 256 << 20;
constexpr int64_t kPageMemoryPerLeaf = 4 << 20;
constexpr int64_t kReadBuffers = 4 << 20;  // of all leaves together
constexpr int64_t kLeastReadBuffer = 16 << 10;
constexpr int64_t kMostReadBuffer = 256 << 10;
constexpr size_t kMostChunkBytes = 1 << 30;  // whatever the limits say

struct RowGroup {
  uint64_t first_row = 0;
  uint64_t rows = 0;
  uint64_t first_byte = 0;  // of the row groups' bytes
  uint64_t bytes = 0;
};

absl::Status Encrypted() {
  return absl::UnimplementedError("encrypted Parquet files are not read; decrypt the file first");
}

absl::Status CheckMagic(ObjectReader& object) {
  char head[4] = {};
  char tail[4] = {};
  const uint64_t size = object.info().size;
  ASSIGN_OR_RETURN(const size_t head_size, object.ReadAt(0, absl::MakeSpan(head)));
  const std::string_view magic(head, head_size);
  if (magic == "PARE") return Encrypted();
  if (magic != "PAR1") return absl::InvalidArgumentError("not a Parquet file");
  ASSIGN_OR_RETURN(const size_t tail_size,
                   object.ReadAt(size < 4 ? 0 : size - 4, absl::MakeSpan(tail)));
  if (size < 12 || std::string_view(tail, tail_size) != "PAR1") {
    return absl::DataLossError(
        StrCat("the file is cut off: its ", size, " bytes do not end with a Parquet footer"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<RowGroup>> ListRowGroups(const parquet::FileMetaData& metadata) {
  std::vector<RowGroup> groups;
  RowGroup next;
  for (int i = 0; i < metadata.num_row_groups(); ++i) {
    const auto group = metadata.RowGroup(i);
    const int64_t bytes = group->total_compressed_size() > 0 ? group->total_compressed_size()
                                                             : group->total_byte_size();
    if (group->num_rows() < 0) {
      return absl::DataLossError(StrCat("row group ", i, " has ", group->num_rows(), " rows"));
    }
    next.rows = static_cast<uint64_t>(group->num_rows());
    next.bytes = static_cast<uint64_t>(std::max<int64_t>(bytes, 0));
    groups.push_back(next);
    next.first_row += next.rows;
    next.first_byte += next.bytes;
  }
  if (static_cast<uint64_t>(metadata.num_rows()) != next.first_row) {
    return absl::DataLossError(StrCat("it promises ", metadata.num_rows(),
                                      " rows, but its row groups have ", next.first_row));
  }
  return groups;
}

// One open file: row groups one after another, the leaves of each side by side.
class ParquetReader : public RowReader {
 public:
  explicit ParquetReader(std::shared_ptr<ObjectReader> object) : object_(std::move(object)) {}

  absl::Status Open(const ReadOptions& options) {
    RETURN_IF_ERROR(CheckMagic(*object_));
    RETURN_IF_ERROR(Annotate(ReadFooter(options), "reading the Parquet footer"));
    return SkipTo(options.from.row);
  }

  absl::StatusOr<std::unique_ptr<RowChunk>> Read(const ChunkLimits& limits) override {
    RETURN_IF_ERROR(failure_);
    while (group_ < groups_.size() && row_ == groups_[group_].rows) BeginGroup(group_ + 1);
    if (group_ == groups_.size()) return nullptr;
    if (failure_ = OpenGroup(); !failure_.ok()) return failure_;

    std::vector<LeafColumn> columns = std::exchange(rest_, std::vector<LeafColumn>(leaves_.size()));
    const size_t rows = TakeRows(limits, columns);
    if (rows == 0) return failure_;
    const uint64_t first_row = groups_[group_].first_row + row_;
    row_ += rows;
    return std::make_unique<ParquetChunk>(schema_, std::move(columns), first_row, rows);
  }

  FileType type() const override { return FileType::kParquet; }

  uint64_t raw_bytes() const override {
    const uint64_t size = object_->info().size;
    if (group_ == groups_.size()) return size;
    const RowGroup& group = groups_[group_];
    const double share =
        static_cast<double>(row_) / static_cast<double>(std::max<uint64_t>(group.rows, 1));
    return std::min(
        size, group.first_byte + static_cast<uint64_t>(share * static_cast<double>(group.bytes)));
  }

  uint64_t known_rows() const override {
    return groups_.empty() ? 0 : groups_.back().first_row + groups_.back().rows;
  }
  std::vector<std::string> columns() const override { return schema_->shape.names; }

 private:
  absl::Status ReadFooter(const ReadOptions& options) {
    try {
      const auto metadata =
          parquet::ReadMetaData(NewArrowFile(object_, arrow::system_memory_pool()));
      if (metadata->is_encryption_algorithm_set()) return Encrypted();
      ASSIGN_OR_RETURN(schema_, CompileParquetSchema(*metadata->schema(), options.columns));
      ASSIGN_OR_RETURN(groups_, ListRowGroups(*metadata));

      const auto leaves = std::max<int64_t>(static_cast<int64_t>(schema_->leaves.size()), 1);
      pool_.emplace(&counting_pool_, std::max(kLeastPageMemory, kPageMemoryPerLeaf * leaves));
      parquet::ReaderProperties properties(&*pool_);
      properties.enable_buffered_stream();
      properties.set_buffer_size(
          std::clamp(kReadBuffers / leaves, kLeastReadBuffer, kMostReadBuffer));
      properties.set_page_checksum_verification(true);
      file_ =
          parquet::ParquetFileReader::Open(NewArrowFile(object_, &*pool_), properties, metadata);
      return absl::OkStatus();
    } catch (...) {
      return CaughtParquetError();
    }
  }

  absl::Status SkipTo(uint64_t row) {
    if (row > known_rows()) {
      return absl::InvalidArgumentError(
          StrCat("cannot go on at row ", row, ": the file has ", known_rows(), " rows"));
    }
    while (group_ < groups_.size() && row >= groups_[group_].first_row + groups_[group_].rows) {
      BeginGroup(group_ + 1);
    }
    if (group_ == groups_.size() || row == groups_[group_].first_row) return absl::OkStatus();
    RETURN_IF_ERROR(OpenGroup());
    const uint64_t rows = row - groups_[group_].first_row;
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

  // Opens the leaves of the current row group, unless they are open.
  absl::Status OpenGroup() {
    if (is_open_) return absl::OkStatus();
    try {
      const auto group = file_->RowGroup(static_cast<int>(group_));
      uint64_t bytes = 0;
      for (size_t i = 0; i < schema_->leaves.size(); ++i) {
        const ParquetLeaf& leaf = schema_->leaves[i];
        const auto chunk = group->metadata()->ColumnChunk(leaf.column);
        if (chunk->crypto_metadata() != nullptr) return AtRow(Encrypted(), i, 0);
        if (leaf.most_repetition == 0 &&
            static_cast<uint64_t>(chunk->num_values()) != groups_[group_].rows) {
          return AtRow(absl::DataLossError(StrCat("it has ", chunk->num_values(), " values for ",
                                                  groups_[group_].rows, " rows")),
                       i, 0);
        }
        auto reader = OpenLeaf(*group, leaf);
        RETURN_IF_ERROR(AtRow(reader.status(), i, 0));
        leaves_.push_back(*std::move(reader));
        bytes += static_cast<uint64_t>(std::max<int64_t>(chunk->total_uncompressed_size(), 0));
      }
      row_bytes_ = bytes / std::max<uint64_t>(groups_[group_].rows, 1);
      rest_.resize(leaves_.size());
      is_open_ = true;
      return absl::OkStatus();
    } catch (...) {
      return Annotate(CaughtParquetError(), StrCat("row group ", group_));
    }
  }

  // Fills `columns` up to the same row and returns how many rows they have; fewer than wanted, with
  // failure_ set, if a leaf fails there. What leaves have read beyond goes to rest_.
  size_t TakeRows(const ChunkLimits& limits, std::vector<LeafColumn>& columns) {
    const uint64_t left = groups_[group_].rows - row_;
    const size_t most = std::min(limits.bytes, kMostChunkBytes);
    const uint64_t fitting = most / std::max<uint64_t>(row_bytes_, 1);
    size_t rows =
        std::min({left, std::max<uint64_t>(limits.rows, 1), std::max<uint64_t>(fitting, 1)});
    size_t bytes = 0;
    for (size_t i = 0; i < leaves_.size() && rows > 0; ++i) {
      LeafColumn& column = columns[i];
      // The average row says how many rows are asked for; these bounds hold when they grow.
      const size_t room = std::max(2 * most - std::min(2 * most, bytes), most / 16 + 1);
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

  // `status` of leaf `leaf`, `rows` rows on, with its place.
  absl::Status AtRow(const absl::Status& status, size_t leaf, size_t rows) const {
    if (status.ok()) return status;
    return Annotate(status,
                    StrCat("row group ", group_, ", row ", groups_[group_].first_row + row_ + rows,
                           ": column ", schema_->leaves[leaf].path));
  }

  const std::shared_ptr<ObjectReader> object_;
  // Of the system, as the allocators that Arrow brings keep twice the memory for the same speed.
  arrow::ProxyMemoryPool counting_pool_{arrow::system_memory_pool()};
  std::optional<arrow::CappedMemoryPool> pool_;
  std::unique_ptr<parquet::ParquetFileReader> file_;
  std::shared_ptr<const ParquetSchema> schema_;
  std::vector<RowGroup> groups_;

  size_t group_ = 0;  // being read
  uint64_t row_ = 0;  // the next one in it
  bool is_open_ = false;
  std::vector<std::unique_ptr<LeafReader>> leaves_;  // one per leaf of the schema, if open
  std::vector<LeafColumn> rest_;                     // rows behind row_ that leaves have read
  uint64_t row_bytes_ = 1;                           // of a row, about
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
