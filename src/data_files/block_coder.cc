#include "data_files/block_coder.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "base/byte_buffer.h"
#include "base/status.h"
#include "data_files/packed_row.h"
#include "formats/parquet_levels.h"
#include "io/gzip_encoder.h"
#include "io/zstd_encoder.h"

namespace millrace::data_files {
namespace {

constexpr int kZstdLevel = 1;
constexpr uint64_t kGroupBytes = 64 << 20;  // compressed
constexpr uint64_t kGroupRows = 1 << 20;
constexpr size_t kCopyBytes = 1 << 20;

// gzip and zstd files may be several ones, one after another.
class LineCoder : public BlockCoder {
 public:
  LineCoder(FileFormat format, ScratchFile& scratch)
      : is_gzip_(format == FileFormat::kNdjsonGz), scratch_(scratch), zstd_(kZstdLevel) {}

  absl::StatusOr<Block> Encode(std::string_view bytes, uint64_t rows) override {
    compressed_.clear();
    if (is_gzip_) {
      gzip_.Encode(bytes, &compressed_);
    } else {
      RETURN_IF_ERROR(zstd_.Append(bytes, compressed_));
    }
    Block block{.rows = rows};
    ASSIGN_OR_RETURN(block.extent, scratch_.Append(compressed_.view()));
    return block;
  }

  absl::StatusOr<ParquetFileSummary> Write(absl::Span<const Block> blocks,
                                           ObjectWriter& to) override {
    ParquetFileSummary summary;
    for (const Block& block : blocks) {
      summary.bytes += block.extent.size;
      for (uint64_t at = 0; at < block.extent.size; at += kCopyBytes) {
        const size_t size = std::min<uint64_t>(kCopyBytes, block.extent.size - at);
        compressed_.clear();
        char* const bytes = compressed_.Reserve(size);
        RETURN_IF_ERROR(scratch_.Read(block.extent, at, absl::MakeSpan(bytes, size)));
        RETURN_IF_ERROR(to.Append({bytes, size}));
      }
    }
    RETURN_IF_ERROR(to.Finish());
    return summary;
  }

 private:
  const bool is_gzip_;
  ScratchFile& scratch_;
  GzipEncoder gzip_;
  ZstdEncoder zstd_;
  ByteBuffer compressed_;
};

ParquetField::Type TypeOf(ColumnType type) {
  switch (type) {
    case ColumnType::kInteger:
      return ParquetField::Type::kInt64;
    case ColumnType::kNumber:
      return ParquetField::Type::kDouble;
    case ColumnType::kBoolean:
      return ParquetField::Type::kBoolean;
    case ColumnType::kTime:
      return ParquetField::Type::kUtcMicros;
    case ColumnType::kText:
    case ColumnType::kJson:
      break;
  }
  return ParquetField::Type::kString;
}

std::vector<ParquetField> SchemaOf(const FileLayout& layout, const TableForm& form) {
  std::vector<ParquetField> schema;
  for (const Column& column : form.columns()) {
    ParquetField& field = schema.emplace_back();
    field.name = column.name;
    field.repetition = ParquetField::Repetition::kOptional;
    field.type = TypeOf(column.type);
    if (!layout.field_ids.empty()) field.id = layout.field_ids[schema.size() - 1];
  }
  return schema;
}

// `values`: 64-bit integers.
ParquetStatistics::Bounds BoundsOf(std::string_view values) {
  ParquetStatistics::Bounds bounds{.min = INT64_MAX, .max = INT64_MIN};
  for (size_t at = 0; at < values.size(); at += sizeof(int64_t)) {
    int64_t value = 0;
    std::memcpy(&value, values.data() + at, sizeof(value));
    bounds.min = std::min(bounds.min, value);
    bounds.max = std::max(bounds.max, value);
  }
  return bounds;
}

// A column of the block that is being encoded.
struct PageColumn {
  std::vector<uint8_t> levels;  // 1: a value, 0: null
  uint64_t nulls = 0;
  ByteBuffer values;  // PLAIN; of booleans a byte each
};

class ParquetCoder : public BlockCoder {
 public:
  ParquetCoder(const FileLayout& layout, const TableForm& form, ScratchFile& scratch)
      : form_(form),
        scratch_(scratch),
        columns_(form.columns().size()),
        heads_(columns_.size()),
        writer_(SchemaOf(layout, form), scratch, /*max_chunk_memory=*/0) {}

  absl::StatusOr<Block> Encode(std::string_view bytes, uint64_t rows) override {
    for (PageColumn& column : columns_) {
      column.levels.clear();
      column.nulls = 0;
      column.values.clear();
    }
    for (uint64_t row = 0; row < rows; ++row) {
      for (size_t i = 0; i < columns_.size(); ++i) AddCell(i, bytes);
    }
    pages_.clear();
    for (size_t i = 0; i < columns_.size(); ++i) {
      ASSIGN_OR_RETURN(heads_[i], EncodePage(i, rows));
    }
    Block block{.rows = rows};
    const std::string_view parts[] = {HeadBytes(), pages_.view()};
    ASSIGN_OR_RETURN(block.extent, scratch_.Append(parts));
    return block;
  }

  absl::StatusOr<ParquetFileSummary> Write(absl::Span<const Block> blocks,
                                           ObjectWriter& to) override {
    writer_.Begin(to);
    for (size_t first = 0, end = first; first < blocks.size(); first = end) {
      uint64_t rows = 0, size = 0;
      for (; end < blocks.size() && rows < kGroupRows && size < kGroupBytes; ++end) {
        rows += blocks[end].rows;
        size += blocks[end].extent.size;
      }
      RETURN_IF_ERROR(WriteGroup(blocks.subspan(first, end - first)));
      RETURN_IF_ERROR(writer_.EndRowGroup(rows));
    }
    return writer_.Finish();
  }

 private:
  void AddCell(size_t i, std::string_view& bytes) {
    PageColumn& column = columns_[i];
    std::string_view cell;
    const bool has_value = TakePackedCell(bytes, cell);
    column.levels.push_back(has_value ? 1 : 0);
    if (!has_value) {
      ++column.nulls;
      return;
    }
    switch (TypeOf(form_.columns()[i].type)) {
      case ParquetField::Type::kString:
        return AppendParquetText(column.values, cell);
      case ParquetField::Type::kBoolean:
        return column.values.Append(cell.front());  // the lowest byte of 0 or 1
      default:
        return column.values.Append(cell);
    }
  }

  absl::StatusOr<ParquetPage> EncodePage(size_t i, uint64_t rows) {
    const PageColumn& column = columns_[i];
    body_.clear();
    if (column.nulls == 0 || column.nulls == rows) {
      AppendEqualLevels(body_, rows, column.nulls == 0 ? 1 : 0);
    } else {
      AppendPackedLevels<1>(body_, column.levels);
    }
    const ParquetField::Type type = TypeOf(form_.columns()[i].type);
    if (type == ParquetField::Type::kBoolean) {
      AppendParquetBits<1>(body_, column.values.size(), (column.values.size() + 7) / 8,
                           [&](size_t value) { return column.values.data()[value]; });
    } else {
      body_.Append(column.values.view());
    }
    ASSIGN_OR_RETURN(ParquetPage page,
                     encoder_.Append(static_cast<uint32_t>(rows), body_.view(), pages_));
    page.statistics = ParquetStatistics{.nulls = column.nulls};
    const bool is_integer =
        type == ParquetField::Type::kInt64 || type == ParquetField::Type::kUtcMicros;
    if (is_integer && column.nulls < rows) {
      page.statistics->bounds = BoundsOf(column.values.view());
    }
    return page;
  }

  std::string_view HeadBytes() const {
    return {reinterpret_cast<const char*>(heads_.data()), heads_.size() * sizeof(ParquetPage)};
  }

  // Column by column, as they are in the file.
  absl::Status WriteGroup(absl::Span<const Block> group) {
    for (size_t leaf = 0; leaf < columns_.size(); ++leaf) {
      for (const Block& block : group) {
        char* const heads = reinterpret_cast<char*>(heads_.data());
        const size_t heads_size = HeadBytes().size();
        RETURN_IF_ERROR(scratch_.Read(block.extent, 0, absl::MakeSpan(heads, heads_size)));
        uint64_t at = heads_size;
        for (size_t i = 0; i < leaf; ++i) at += heads_[i].bytes;
        const size_t size = heads_[leaf].bytes;
        pages_.clear();
        char* const bytes = pages_.Reserve(size);
        RETURN_IF_ERROR(scratch_.Read(block.extent, at, absl::MakeSpan(bytes, size)));
        RETURN_IF_ERROR(writer_.WritePage(leaf, heads_[leaf], {bytes, size}));
      }
    }
    return absl::OkStatus();
  }

  const TableForm& form_;
  ScratchFile& scratch_;
  std::vector<PageColumn> columns_;
  std::vector<ParquetPage> heads_;  // of the pages of a block
  ByteBuffer body_;
  ByteBuffer pages_;
  ParquetPageEncoder encoder_;
  ParquetWriter writer_;
};

}  // namespace

std::unique_ptr<BlockCoder> NewBlockCoder(const FileLayout& layout, const TableForm& form,
                                          ScratchFile& scratch) {
  if (layout.format == FileFormat::kParquet)
    return std::make_unique<ParquetCoder>(layout, form, scratch);
  return std::make_unique<LineCoder>(layout.format, scratch);
}

}  // namespace millrace::data_files
