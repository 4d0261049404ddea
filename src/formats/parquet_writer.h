// Writes Parquet files from pages that the caller has encoded: headers, compression, row groups,
// footer. Designed for very many small files, which libparquet takes eight times as long to write
// (docs/adr); for a file of any size it holds at most one row group, compressed.
//
//   file      = "PAR1" *row_group footer footer_size "PAR1"
//   row_group = *column_chunk                 one per leaf, in the order of the schema
//   column_chunk = *( page_header page )      data pages of version 1, zstd
//
// https://parquet.apache.org/docs/file-format/, and parquet.thrift for the field ids in the .cc.
#ifndef MILLRACE_FORMATS_PARQUET_WRITER_H_
#define MILLRACE_FORMATS_PARQUET_WRITER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/byte_buffer.h"
#include "io/object_store.h"
#include "io/scratch_file.h"
#include "io/zstd_encoder.h"

namespace millrace {

// A node of the schema; those of a group follow it, depth first.
struct ParquetField {
  enum class Repetition : uint8_t { kRequired = 0, kOptional = 1, kRepeated = 2 };  // as in Thrift
  // kTimestampMicros has no zone, kUtcMicros is in UTC.
  enum class Type : uint8_t {
    kGroup,
    kList,
    kInt64,
    kTimestampMicros,
    kUtcMicros,
    kDouble,
    kBoolean,
    kString
  };

  std::string name;
  Repetition repetition = Repetition::kRequired;
  Type type = Type::kGroup;
  int children = 0;    // of groups and lists
  int32_t id = kNoId;  // by which tables know the column, whatever its name

  static constexpr int32_t kNoId = -1;
};

// What readers can know of the values of a leaf without reading them.
struct ParquetStatistics {
  uint64_t nulls = 0;
  struct Bounds {
    int64_t min = 0;
    int64_t max = 0;
  };
  std::optional<Bounds> bounds;  // of kInt64, kTimestampMicros and kUtcMicros

  // Becomes that of both.
  void Add(const ParquetStatistics& other);
};

// A data page with its header, compressed.
struct ParquetPage {
  uint32_t values = 0;                          // entries, including nulls
  uint32_t bytes = 0;                           // of the header and the compressed body
  uint32_t uncompressed_bytes = 0;              // of the header and the body
  std::optional<ParquetStatistics> statistics;  // a file has those of leaves whose pages all do
};

// A file that was written.
struct ParquetFileSummary {
  uint64_t bytes = 0;
  struct Leaf {
    uint64_t bytes = 0;
    uint64_t values = 0;  // entries, including nulls
    std::optional<ParquetStatistics> statistics;
  };
  std::vector<Leaf> leaves;
};

// Makes pages, which ParquetWriter::AddPage() takes. One thread at a time.
class ParquetPageEncoder {
 public:
  ParquetPageEncoder();

  // Appends a page of `values` entries to `out`. `body` is repetition levels, definition levels
  // (each with its length, if the leaf has them) and PLAIN values.
  absl::StatusOr<ParquetPage> Append(uint32_t values, std::string_view body, ByteBuffer& out);

 private:
  ZstdEncoder zstd_;
  ByteBuffer compressed_;
};

class ParquetWriter {
 public:
  // Column chunks of a row group that are larger than `max_chunk_memory` are kept in `scratch`,
  // which must outlive the writer.
  ParquetWriter(std::vector<ParquetField> schema, ScratchFile& scratch, size_t max_chunk_memory);

  // Begins a file. `to` must stay valid until Finish(), which finishes it.
  void Begin(ObjectWriter& to);

  // Adds a page to leaf `leaf`, as ParquetPageEncoder takes it. Leaves take turns in any order.
  absl::Status AddPage(size_t leaf, uint32_t values, std::string_view body);
  // Adds a page that is made already and writes it at once: all pages of a row group are added like
  // this, those of one leaf after those of another.
  absl::Status WritePage(size_t leaf, const ParquetPage& page, std::string_view bytes);

  absl::Status EndRowGroup(uint64_t rows);

  // Writes the footer. The writer may begin another file.
  absl::StatusOr<ParquetFileSummary> Finish();

 private:
  struct Leaf {
    ParquetField::Type type;
    std::vector<std::string> path;
  };
  struct Chunk {
    std::vector<ScratchFile::Extent> put_away;  // its first pages
    ByteBuffer pages;
    int64_t offset = -1;  // of the first page that is written already
    int64_t values = 0;
    int64_t bytes = 0;
    int64_t uncompressed_bytes = 0;
    std::optional<ParquetStatistics> statistics = ParquetStatistics();
  };
  struct ChunkEntry {
    int64_t offset, values, bytes, uncompressed_bytes;
    std::optional<ParquetStatistics> statistics;
  };
  struct GroupEntry {
    uint64_t rows;
    std::vector<ChunkEntry> chunks;
  };

  static void Count(Chunk& chunk, const ParquetPage& page);
  ParquetFileSummary Summary() const;
  absl::Status PutAwayIfLarge(Chunk& chunk);
  absl::Status WriteChunk(Chunk& chunk);
  absl::Status Write(std::string_view bytes);
  void AppendSchema(class ThriftWriter& thrift) const;
  void AppendFooter(ByteBuffer& out) const;
  void AppendRowGroup(class ThriftWriter& thrift, const GroupEntry& group) const;

  const std::vector<ParquetField> schema_;
  std::vector<Leaf> leaves_;
  ScratchFile& scratch_;
  const size_t max_chunk_memory_;
  ParquetPageEncoder page_encoder_;
  ByteBuffer copied_;
  ObjectWriter* to_ = nullptr;
  ByteBuffer pending_;    // of the file: small files are written in one piece
  int64_t position_ = 0;  // of the next byte of the file
  std::vector<Chunk> chunks_;
  std::vector<GroupEntry> groups_;
};

}  // namespace millrace

#endif  // MILLRACE_FORMATS_PARQUET_WRITER_H_
