// Bytes to rows. Reading has two steps so that workers share the CPU time: Read() takes the next
// chunk from the object, in order and cheaply (decompresses and splits, or decodes columns);
// ForEachRow() decodes a chunk on any thread.
#ifndef MILLRACE_FORMATS_ROW_READER_H_
#define MILLRACE_FORMATS_ROW_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/position.h"
#include "base/warnings.h"
#include "formats/column_names.h"
#include "formats/row.h"
#include "io/object_store.h"

namespace millrace {

enum class FileType { kAuto, kNdjson, kCsv, kTsv, kParquet };

// The memory with which one worker decodes: parsers and buffers that are reused for each chunk. One
// thread at a time; chunks of any format may share a scratch.
class DecodeScratch {
 public:
  DecodeScratch();
  ~DecodeScratch();
  struct Parts;
  Parts& parts() { return *parts_; }

 private:
  std::unique_ptr<Parts> parts_;
};

// Some consecutive rows of one object. Owns its bytes and may outlive its reader.
class RowChunk {
 public:
  virtual ~RowChunk() = default;
  virtual uint64_t first_row() const = 0;
  virtual uint64_t row_count() const = 0;  // rows, good or bad, that ForEachRow will show
  virtual Position after() const = 0;      // where reading resumes after the chunk
  virtual size_t memory() const = 0;       // estimate of the bytes held
  virtual void ForEachRow(DecodeScratch& scratch, RowVisitor& visitor) = 0;  // may be repeated
};

struct ChunkLimits {
  size_t rows = 2000;
  size_t bytes = 1 << 20;  // of decoded text; a longer row is a chunk of its own
};

struct FieldNames;

// One open object. One thread at a time.
class RowReader {
 public:
  virtual ~RowReader() = default;

  // The next chunk; null at the end of the object. After an error the reader is finished: rows
  // returned before it are valid. DataLoss, with the place, for a truncated or damaged object.
  virtual absl::StatusOr<std::unique_ptr<RowChunk>> Read(const ChunkLimits& limits) = 0;

  // The format that the object is read as; never kAuto.
  virtual FileType type() const = 0;

  // Progress: bytes of the object consumed so far, compared with the object's size.
  virtual uint64_t raw_bytes() const = 0;

  // Rows in the object if its metadata contains the number (Parquet), else 0.
  virtual uint64_t known_rows() const { return 0; }

  // The names of all top-level columns, including those that are not read, if the format has them
  // up front (Parquet, CSV), else empty.
  virtual std::vector<std::string> columns() const { return {}; }

  // The columns whose name occurs more than once in the object.
  virtual std::vector<RenamedColumn> renamed_columns() const { return {}; }
};

// Limits on outside input, checked before memory is used for it.
inline constexpr size_t kMaxRowBytes = 16 << 20;  // longer lines are bad rows, skipped unread
inline constexpr int kMaxJsonDepth = 64;

struct ReadOptions {
  FileType type = FileType::kAuto;
  bool has_entry = true;  // there is a config entry, so messages may name its keys
  Position from;  // skip the rows before it; must come from after() of the same object version
  // Only these columns are needed; empty means all. Readers may use it to skip work.
  std::vector<std::string> columns;
  // NDJSON: false if each line is one row, so that several objects in a line are an invalid row.
  bool split_lines = true;
  // CSV and TSV: the quote, or '\0' for none; unset: '"' for CSV, none for TSV.
  std::optional<char> quote;
  // CSV and TSV without a header: the names of the columns.
  std::vector<std::string> column_names;
  // CSV and TSV: a file with only a header is rejected unless it names one of these; empty: any
  // header is accepted.
  std::vector<std::string> expected_columns;
  // CSV: cells that mean null besides the empty one, when not quoted.
  std::vector<std::string> null_texts = {"NA", "NULL", "null", "\\N"};
  // Parquet: the names of columns and of their members (formats/table_rows.h); null: as in the
  // file.
  std::shared_ptr<const FieldNames> field_names = nullptr;
  // Receives warnings about content that is read although it looks wrong; null: none. Outlives
  // reader and chunks.
  Warnings* warnings = nullptr;
};

// Opens `object` as described in docs/formats/detection.md: detects Parquet, gzip and zstd by their
// magic numbers, and text by its first bytes, its structure and, on a tie, the object's name. The
// reader keeps `object` alive. InvalidArgument if the type of the content is unknown or differs
// from the requested one; the message says what was found and how to override it.
//
// kNdjson: lines of one or several JSON objects, one array of objects, or objects that span several
// lines each. Row numbers do not count blank lines, nor a CSV header. Empty text objects have no
// rows. Readers of text resume at `from` without decoding the rows before it.
//
// An object that is a data file of a table (ObjectReader::table_rows()) is read by
// OpenTableRows().
absl::StatusOr<std::unique_ptr<RowReader>> OpenRows(std::shared_ptr<ObjectReader> object,
                                                    const ReadOptions& options);

// "NDJSON", "csv", ... as in sources.json `file_type`, in any case; also JSON, JSONL.
// InvalidArgument lists the known ones.
absl::StatusOr<FileType> ParseFileType(std::string_view name);
std::string_view FileTypeName(FileType type);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_ROW_READER_H_
