#include "formats/parquet_writer.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>

#include "base/status.h"
#include "formats/thrift_writer.h"

namespace millrace {
namespace {

constexpr int kZstdLevel = 1;
constexpr size_t kPendingBytes = 1 << 20;
constexpr std::string_view kMagic = "PAR1";
constexpr std::string_view kCreatedBy = "millrace version 0.1.0";

// Numbers of parquet.thrift.
constexpr int32_t kDataPage = 0;
constexpr int32_t kPlain = 0;
constexpr int32_t kRle = 3;
constexpr int32_t kZstd = 6;
constexpr int32_t kBoolean = 0;
constexpr int32_t kInt64 = 2;
constexpr int32_t kDouble = 5;
constexpr int32_t kByteArray = 6;
constexpr int32_t kConvertedUtf8 = 0;
constexpr int32_t kConvertedList = 3;

using Type = ParquetField::Type;

bool IsGroup(Type type) { return type == Type::kGroup || type == Type::kList; }

int32_t PhysicalType(Type type) {
  if (type == Type::kDouble) return kDouble;
  if (type == Type::kBoolean) return kBoolean;
  return type == Type::kString ? kByteArray : kInt64;
}

void AppendConvertedType(ThriftWriter& thrift, Type type) {
  if (type == Type::kString) thrift.I32(6, kConvertedUtf8);
  if (type == Type::kList) thrift.I32(6, kConvertedList);
}

void AppendLogicalType(ThriftWriter& thrift, Type type) {
  const bool is_time = type == Type::kTimestampMicros || type == Type::kUtcMicros;
  if (type != Type::kString && type != Type::kList && !is_time) return;
  thrift.BeginStruct(10);  // LogicalType, a union
  switch (type) {
    case Type::kString:
      thrift.EmptyStruct(1);
      break;
    case Type::kList:
      thrift.EmptyStruct(3);
      break;
    default:
      thrift.BeginStruct(8);                     // TIMESTAMP
      thrift.Bool(1, type == Type::kUtcMicros);  // isAdjustedToUTC
      thrift.BeginStruct(2);                     // unit
      thrift.EmptyStruct(2);                     // MICROS
      thrift.End();
      thrift.End();
  }
  thrift.End();
}

void AppendLittleEndian(ByteBuffer& out, uint32_t value) {
  out.Append({reinterpret_cast<const char*>(&value), sizeof(value)});
}

std::string_view BytesOf(const int64_t& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

void AppendStatistics(ThriftWriter& thrift, const ParquetStatistics& statistics) {
  thrift.BeginStruct(12);
  thrift.I64(3, static_cast<int64_t>(statistics.nulls));
  if (statistics.bounds) {
    thrift.Binary(5, BytesOf(statistics.bounds->max));
    thrift.Binary(6, BytesOf(statistics.bounds->min));
  }
  thrift.End();
}

void AddTo(std::optional<ParquetStatistics>& sum, const std::optional<ParquetStatistics>& more) {
  if (!more) sum.reset();
  if (sum) sum->Add(*more);
}

}  // namespace

void ParquetStatistics::Add(const ParquetStatistics& other) {
  nulls += other.nulls;
  if (!other.bounds) return;
  if (!bounds) bounds = other.bounds;
  bounds->min = std::min(bounds->min, other.bounds->min);
  bounds->max = std::max(bounds->max, other.bounds->max);
}

ParquetPageEncoder::ParquetPageEncoder() : zstd_(kZstdLevel) {}

absl::StatusOr<ParquetPage> ParquetPageEncoder::Append(uint32_t values, std::string_view body,
                                                       ByteBuffer& out) {
  compressed_.clear();
  RETURN_IF_ERROR(zstd_.Append(body, compressed_));
  const size_t before = out.size();
  ThriftWriter header(out);
  header.I32(1, kDataPage);
  header.I32(2, static_cast<int32_t>(body.size()));
  header.I32(3, static_cast<int32_t>(compressed_.size()));
  header.BeginStruct(5);
  header.I32(1, static_cast<int32_t>(values));
  header.I32(2, kPlain);
  header.I32(3, kRle);
  header.I32(4, kRle);
  header.End();
  header.End();
  const size_t header_bytes = out.size() - before;
  out.Append(compressed_.view());
  return ParquetPage{.values = values,
                     .bytes = static_cast<uint32_t>(header_bytes + compressed_.size()),
                     .uncompressed_bytes = static_cast<uint32_t>(header_bytes + body.size())};
}

ParquetWriter::ParquetWriter(std::vector<ParquetField> schema, ScratchFile& scratch,
                             size_t max_chunk_memory)
    : schema_(std::move(schema)), scratch_(scratch), max_chunk_memory_(max_chunk_memory) {
  std::vector<std::string> path;
  size_t next = 0;
  const std::function<void()> visit = [&] {
    const ParquetField& field = schema_[next++];
    path.push_back(field.name);
    if (IsGroup(field.type)) {
      for (int i = 0; i < field.children; ++i) visit();
    } else {
      leaves_.push_back({field.type, path});
    }
    path.pop_back();
  };
  while (next < schema_.size()) visit();
  chunks_.resize(leaves_.size());
}

void ParquetWriter::Begin(ObjectWriter& to) {
  to_ = &to;
  groups_.clear();
  for (Chunk& chunk : chunks_) {  // of a file that failed
    for (const ScratchFile::Extent& extent : chunk.put_away) scratch_.Release(extent);
    chunk = Chunk();
  }
  pending_.clear();
  pending_.Append(kMagic);
  position_ = static_cast<int64_t>(kMagic.size());
}

absl::Status ParquetWriter::AddPage(size_t leaf, uint32_t values, std::string_view body) {
  Chunk& chunk = chunks_[leaf];
  ASSIGN_OR_RETURN(const ParquetPage page, page_encoder_.Append(values, body, chunk.pages));
  Count(chunk, page);
  return PutAwayIfLarge(chunk);
}

absl::Status ParquetWriter::WritePage(size_t leaf, const ParquetPage& page,
                                      std::string_view bytes) {
  Chunk& chunk = chunks_[leaf];
  if (chunk.values == 0) chunk.offset = position_;
  Count(chunk, page);
  return Write(bytes);
}

void ParquetWriter::Count(Chunk& chunk, const ParquetPage& page) {
  chunk.values += page.values;
  chunk.bytes += page.bytes;
  chunk.uncompressed_bytes += page.uncompressed_bytes;
  AddTo(chunk.statistics, page.statistics);
}

absl::Status ParquetWriter::PutAwayIfLarge(Chunk& chunk) {
  if (chunk.pages.size() <= max_chunk_memory_) return absl::OkStatus();
  ASSIGN_OR_RETURN(const ScratchFile::Extent extent, scratch_.Append(chunk.pages.view()));
  chunk.put_away.push_back(extent);
  chunk.pages.clear();
  return absl::OkStatus();
}

absl::Status ParquetWriter::EndRowGroup(uint64_t rows) {
  GroupEntry group{rows, {}};
  group.chunks.reserve(chunks_.size());
  for (Chunk& chunk : chunks_) {
    const int64_t offset = chunk.offset >= 0 ? chunk.offset : position_;
    group.chunks.push_back(
        {offset, chunk.values, chunk.bytes, chunk.uncompressed_bytes, chunk.statistics});
    RETURN_IF_ERROR(WriteChunk(chunk));
    chunk.pages.clear();
    chunk.offset = -1;
    chunk.values = chunk.bytes = chunk.uncompressed_bytes = 0;
    chunk.statistics = ParquetStatistics();
  }
  groups_.push_back(std::move(group));
  return absl::OkStatus();
}

absl::Status ParquetWriter::WriteChunk(Chunk& chunk) {
  for (const ScratchFile::Extent& extent : std::exchange(chunk.put_away, {})) {
    copied_.clear();
    const size_t size = std::min<size_t>(extent.size, kPendingBytes);
    for (uint64_t at = 0; at < extent.size; at += size) {
      const size_t part = std::min<size_t>(size, extent.size - at);
      char* const to = copied_.Reserve(part);
      RETURN_IF_ERROR(scratch_.Read(extent, at, absl::MakeSpan(to, part)));
      RETURN_IF_ERROR(Write({to, part}));
    }
    scratch_.Release(extent);
  }
  return Write(chunk.pages.view());
}

absl::Status ParquetWriter::Write(std::string_view bytes) {
  position_ += static_cast<int64_t>(bytes.size());
  pending_.Append(bytes);
  if (pending_.size() < kPendingBytes) return absl::OkStatus();
  RETURN_IF_ERROR(to_->Append(pending_.view()));
  pending_.clear();
  return absl::OkStatus();
}

absl::StatusOr<ParquetFileSummary> ParquetWriter::Finish() {
  const size_t before = pending_.size();
  AppendFooter(pending_);
  AppendLittleEndian(pending_, static_cast<uint32_t>(pending_.size() - before));
  pending_.Append(kMagic);
  position_ += static_cast<int64_t>(pending_.size() - before);
  RETURN_IF_ERROR(to_->Append(pending_.view()));
  RETURN_IF_ERROR(std::exchange(to_, nullptr)->Finish());
  return Summary();
}

ParquetFileSummary ParquetWriter::Summary() const {
  ParquetFileSummary summary{.bytes = static_cast<uint64_t>(position_), .leaves = {}};
  for (size_t leaf = 0; leaf < leaves_.size(); ++leaf) {
    ParquetFileSummary::Leaf& sum = summary.leaves.emplace_back();
    sum.statistics = ParquetStatistics();
    for (const GroupEntry& group : groups_) {
      const ChunkEntry& chunk = group.chunks[leaf];
      sum.bytes += static_cast<uint64_t>(chunk.bytes);
      sum.values += static_cast<uint64_t>(chunk.values);
      AddTo(sum.statistics, chunk.statistics);
    }
  }
  return summary;
}

void ParquetWriter::AppendFooter(ByteBuffer& out) const {
  uint64_t rows = 0;
  for (const GroupEntry& group : groups_) rows += group.rows;
  ThriftWriter thrift(out);
  thrift.I32(1, 2);  // version of the format
  AppendSchema(thrift);
  thrift.I64(3, static_cast<int64_t>(rows));
  thrift.BeginList(4, ThriftWriter::Type::kStruct, groups_.size());
  for (const GroupEntry& group : groups_) AppendRowGroup(thrift, group);
  thrift.Binary(6, kCreatedBy);
  // Bounds are in the order of the type.
  thrift.BeginList(7, ThriftWriter::Type::kStruct, leaves_.size());
  for (size_t leaf = 0; leaf < leaves_.size(); ++leaf) {
    thrift.BeginElement();
    thrift.EmptyStruct(1);
    thrift.End();
  }
  thrift.End();
}

void ParquetWriter::AppendSchema(ThriftWriter& thrift) const {
  int top_level = 0;
  for (size_t i = 0; i < schema_.size(); ++top_level) {
    for (int left = 1; left > 0; ++i) left += schema_[i].children - 1;
  }
  thrift.BeginList(2, ThriftWriter::Type::kStruct, schema_.size() + 1);
  thrift.BeginElement();
  thrift.Binary(4, "schema");
  thrift.I32(5, top_level);
  thrift.End();
  for (const ParquetField& field : schema_) {
    thrift.BeginElement();
    if (!IsGroup(field.type)) thrift.I32(1, PhysicalType(field.type));
    thrift.I32(3, static_cast<int32_t>(field.repetition));
    thrift.Binary(4, field.name);
    if (IsGroup(field.type)) thrift.I32(5, field.children);
    AppendConvertedType(thrift, field.type);
    if (field.id != ParquetField::kNoId) thrift.I32(9, field.id);
    AppendLogicalType(thrift, field.type);
    thrift.End();
  }
}

void ParquetWriter::AppendRowGroup(ThriftWriter& thrift, const GroupEntry& group) const {
  int64_t bytes = 0;
  int64_t uncompressed_bytes = 0;
  thrift.BeginElement();
  thrift.BeginList(1, ThriftWriter::Type::kStruct, group.chunks.size());
  for (size_t i = 0; i < group.chunks.size(); ++i) {
    const ChunkEntry& chunk = group.chunks[i];
    bytes += chunk.bytes;
    uncompressed_bytes += chunk.uncompressed_bytes;
    thrift.BeginElement();
    thrift.I64(2, chunk.offset);
    thrift.BeginStruct(3);
    thrift.I32(1, PhysicalType(leaves_[i].type));
    thrift.BeginList(2, ThriftWriter::Type::kI32, 2);
    thrift.I32Element(kPlain);
    thrift.I32Element(kRle);
    thrift.BeginList(3, ThriftWriter::Type::kBinary, leaves_[i].path.size());
    for (const std::string& name : leaves_[i].path) thrift.BinaryElement(name);
    thrift.I32(4, kZstd);
    thrift.I64(5, chunk.values);
    thrift.I64(6, chunk.uncompressed_bytes);
    thrift.I64(7, chunk.bytes);
    thrift.I64(9, chunk.offset);
    if (chunk.statistics) AppendStatistics(thrift, *chunk.statistics);
    thrift.End();
    thrift.End();
  }
  thrift.I64(2, uncompressed_bytes);
  thrift.I64(3, static_cast<int64_t>(group.rows));
  thrift.I64(5, group.chunks.empty() ? 0 : group.chunks.front().offset);
  thrift.I64(6, bytes);
  thrift.End();
}

}  // namespace millrace
