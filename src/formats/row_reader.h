// Bytes to rows. Reading is split in two so that workers share the load: Read() takes the next
// chunk from the object, in order and cheaply (inflate and cut, or decode columns); ForEachRow()
// decodes a chunk on any thread.
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

// The memory one worker decodes with: parsers and buffers that are used again for each chunk. One
// thread at a time; chunks of any format may be given the same scratch.
class DecodeScratch {
 public:
  DecodeScratch();
  ~DecodeScratch();
  struct Parts;
  Parts& parts() { return *parts_; }

 private:
  std::unique_ptr<Parts> parts_;
};

// Some consecutive rows of one object. Owns its bytes and outlives its reader.
class RowChunk {
 public:
  virtual ~RowChunk() = default;
  virtual uint64_t first_row() const = 0;
  virtual uint64_t row_count() const = 0;  // rows, good or bad, that ForEachRow will show
  virtual Position after() const = 0;      // where reading goes on behind the chunk
  virtual size_t memory() const = 0;       // bytes held, about
  virtual void ForEachRow(DecodeScratch& scratch, RowVisitor& visitor) = 0;  // may be repeated
};

struct ChunkLimits {
  size_t rows = 2000;
  size_t bytes = 1 << 20;  // of decoded text; one longer row still makes a chunk of its own
};

// One open object. One thread at a time.
class RowReader {
 public:
  virtual ~RowReader() = default;

  // The next chunk; null at the end of the object. After an error the reader is finished: rows
  // given before it are good. DataLoss for a truncated or damaged object, saying where.
  virtual absl::StatusOr<std::unique_ptr<RowChunk>> Read(const ChunkLimits& limits) = 0;

  // What the object is being read as; never kAuto.
  virtual FileType type() const = 0;

  // Progress: bytes of the object consumed so far, of object size.
  virtual uint64_t raw_bytes() const = 0;

  // Rows in the object if its metadata tells (Parquet), else 0.
  virtual uint64_t known_rows() const { return 0; }

  // The names of all top-level columns, also of those that are not read, if the format has them up
  // front (Parquet, CSV), else empty.
  virtual std::vector<std::string> columns() const { return {}; }

  // The columns whose name stands more than once in the object.
  virtual std::vector<RenamedColumn> renamed_columns() const { return {}; }
};

// Limits on outside input, checked before memory is spent on it.
inline constexpr size_t kMaxRowBytes = 16 << 20;  // longer lines are bad rows, and skipped unread
inline constexpr int kMaxJsonDepth = 64;

struct ReadOptions {
  FileType type = FileType::kAuto;
  bool has_entry = true;  // there is a config entry whose keys messages may name
  Position from;  // skip what lies before it; must come from after() of the same object version
  // Only these columns are needed; empty means all. Readers may use it to skip work.
  std::vector<std::string> columns;
  // NDJSON: false if each line is one row, so that several objects in it are an invalid one.
  bool split_lines = true;
  // CSV and TSV: the quote, or '\0' for none; unset: '"' for CSV, none for TSV.
  std::optional<char> quote;
  // CSV and TSV without a header: the names of the columns.
  std::vector<std::string> column_names;
  // CSV and TSV: a file of nothing but a header is refused unless it names one of these; empty: any
  // header will do.
  std::vector<std::string> expected_columns;
  // CSV: cells that mean null besides the empty one, when not quoted.
  std::vector<std::string> null_texts = {"NA", "NULL", "null", "\\N"};
  // Hears of what is read although it looks wrong; null: nobody does. Outlives reader and chunks.
  Warnings* warnings = nullptr;
};

// Opens `object` as docs/formats/detection.md says: Parquet by its magic numbers, gzip and zstd by
// theirs, and the text in them by its first bytes, its structure and, at a draw, the object's name.
// The reader keeps `object` alive. InvalidArgument if the content is of no known type or not the
// one asked for, saying what was seen and what would decide otherwise.
//
// kNdjson: lines of one or several JSON objects, one array of objects, or objects over several
// lines each. Rows are numbered without blank lines, and for CSV without the header. Text objects
// hold no rows if they are empty. Readers of text go on at `from` without decoding what lies before
// it.
absl::StatusOr<std::unique_ptr<RowReader>> OpenRows(std::shared_ptr<ObjectReader> object,
                                                    const ReadOptions& options);

// "NDJSON", "csv", ... as in sources.json `file_type`, any case; also JSON, JSONL. InvalidArgument
// lists the known ones.
absl::StatusOr<FileType> ParseFileType(std::string_view name);
std::string_view FileTypeName(FileType type);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_ROW_READER_H_
