#include <algorithm>
#include <string_view>
#include <utility>

#include "arrow/io/interfaces.h"
#include "base/status.h"
#include "base/strings.h"
#include "formats/parquet_file.h"
#include "formats/parquet_footer_internal.h"
#include "formats/parquet_page_check_internal.h"
#include "parquet/properties.h"

namespace millrace {
namespace {

constexpr int64_t kMinPageMemory = 256 << 20;
constexpr int64_t kPageMemoryPerLeaf = 4 << 20;
constexpr int64_t kReadBuffers = 4 << 20;  // of all leaves together
constexpr int64_t kMinReadBuffer = 16 << 10;
constexpr int64_t kMaxReadBuffer = 256 << 10;

absl::Status Encrypted() {
  return absl::UnimplementedError(
      "encrypted Parquet files are not supported; decrypt the file first");
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
        StrCat("the file is truncated: its ", size, " bytes do not end with a Parquet footer"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ParquetRowGroup>> ListRowGroups(const parquet::FileMetaData& metadata) {
  std::vector<ParquetRowGroup> groups;
  ParquetRowGroup next;
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
    return absl::DataLossError(StrCat("it declares ", metadata.num_rows(),
                                      " rows, but its row groups have ", next.first_row));
  }
  return groups;
}

// The byte ranges of `leaves`.
std::vector<ByteRange> RangesOf(const parquet::RowGroupMetaData& group,
                                const std::vector<const ParquetLeaf*>& leaves) {
  std::vector<ByteRange> ranges;
  for (const ParquetLeaf* leaf : leaves) {
    const auto chunk = group.ColumnChunk(leaf->column);
    const int64_t begin = chunk->has_dictionary_page() && chunk->dictionary_page_offset() > 0
                              ? std::min(chunk->dictionary_page_offset(), chunk->data_page_offset())
                              : chunk->data_page_offset();
    const int64_t size = chunk->total_compressed_size();
    if (begin < 0 || size <= 0) continue;  // a damaged file; reading will report it
    ranges.push_back({static_cast<uint64_t>(begin), static_cast<uint64_t>(size)});
  }
  return ranges;
}

}  // namespace

absl::StatusOr<ParquetFooter> ReadParquetFooter(const std::shared_ptr<ObjectReader>& object) {
  RETURN_IF_ERROR(CheckMagic(*object));
  try {
    ParquetFooter footer;
    footer.metadata = parquet::ReadMetaData(NewArrowFile(object, arrow::system_memory_pool()));
    if (footer.metadata->is_encryption_algorithm_set()) return Encrypted();
    ASSIGN_OR_RETURN(footer.groups, ListRowGroups(*footer.metadata));
    return footer;
  } catch (...) {
    return CaughtParquetError();
  }
}

absl::StatusOr<std::unique_ptr<ParquetPages>> ParquetPages::Open(
    std::shared_ptr<ObjectReader> object, const ParquetFooter& footer, size_t leaves) {
  auto pages = std::make_unique<ParquetPages>();
  const auto count = std::max<int64_t>(static_cast<int64_t>(leaves), 1);
  pages->pool_.emplace(&pages->counting_pool_,
                       std::max(kMinPageMemory, kPageMemoryPerLeaf * count));
  try {
    parquet::ReaderProperties& properties = pages->properties_.emplace(&*pages->pool_);
    properties.enable_buffered_stream();
    properties.set_buffer_size(std::clamp(kReadBuffers / count, kMinReadBuffer, kMaxReadBuffer));
    properties.set_page_checksum_verification(true);
    pages->file_ = parquet::ParquetFileReader::Open(NewArrowFile(object, &*pages->pool_),
                                                    properties, footer.metadata);
    pages->object_ = std::move(object);
    return pages;
  } catch (...) {
    return CaughtParquetError();
  }
}

absl::StatusOr<std::vector<std::unique_ptr<LeafReader>>> ParquetPages::OpenGroup(
    const ParquetFooter& footer, size_t group, const std::vector<const ParquetLeaf*>& leaves) {
  const ParquetRowGroup& info = footer.groups[group];
  try {
    const auto open = WithPageCheck(file_->RowGroup(static_cast<int>(group)), *properties_);
    object_->WillRead(RangesOf(*open->metadata(), leaves));
    std::vector<std::unique_ptr<LeafReader>> readers;
    for (const ParquetLeaf* leaf : leaves) {
      const auto chunk = open->metadata()->ColumnChunk(leaf->column);
      const auto at_begin = [&](const absl::Status& status) {
        return AtParquetRow(status, group, info.first_row, *leaf);
      };
      if (chunk->crypto_metadata() != nullptr) return at_begin(Encrypted());
      if (leaf->max_repetition == 0 && static_cast<uint64_t>(chunk->num_values()) != info.rows) {
        return at_begin(absl::DataLossError(
            StrCat("it has ", chunk->num_values(), " values for ", info.rows, " rows")));
      }
      auto reader = OpenLeaf(*open, *leaf);
      RETURN_IF_ERROR(at_begin(reader.status()));
      readers.push_back(*std::move(reader));
    }
    return readers;
  } catch (...) {
    return Annotate(CaughtParquetError(), StrCat("row group ", group));
  }
}

absl::Status AtParquetRow(const absl::Status& status, size_t group, uint64_t row,
                          const ParquetLeaf& leaf) {
  return Annotate(status, StrCat("row group ", group, ", row ", row, ": column ", leaf.path));
}

}  // namespace millrace
