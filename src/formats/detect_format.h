// Which format an object is read as. All verbs use this procedure: docs/formats/detection.md.
#ifndef MILLRACE_FORMATS_DETECT_FORMAT_H_
#define MILLRACE_FORMATS_DETECT_FORMAT_H_

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "formats/csv_dialect.h"
#include "formats/row_reader.h"
#include "io/decompress.h"
#include "io/object_store.h"

namespace millrace {

// True for a Parquet file, encrypted or not: its magic number is at both ends, or is followed by
// bytes that do not occur in text (a truncated file).
absl::StatusOr<bool> IsParquet(ObjectReader& object);

struct TextFormat {
  FileType type = FileType::kNdjson;  // or kCsv or kTsv
  CsvDialect dialect;                 // for kCsv and kTsv
  size_t prefix = 0;     // bytes before the first record: a "sep=" line, or all of a blank text
  bool has_sep = false;  // the prefix contains a "sep=" line
};

// Text whose format is to be detected.
struct TextSample {
  std::string_view head;  // decompressed, without byte order mark; blank only if all of it is
  std::string_view uri;   // of the object
  Compression compression = Compression::kNone;
};

// Decides by the first bytes, then by structure, and on a tie by the name. options.type, if set,
// overrides all but the first bytes. InvalidArgument says what was found and how to override it.
absl::StatusOr<TextFormat> DetectTextFormat(const TextSample& sample, const ReadOptions& options);

// InvalidArgument: the object is a Parquet file and options.type is something else.
absl::Status NotAskedForParquet(FileType asked);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_DETECT_FORMAT_H_
