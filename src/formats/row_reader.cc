#include "formats/row_reader.h"

#include <array>
#include <cctype>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "formats/csv_reader.h"
#include "formats/detect_format.h"
#include "formats/json_reader.h"
#include "formats/parquet_reader.h"
#include "formats/table_rows.h"
#include "formats/text_reader.h"
#include "io/decompress.h"

namespace millrace {
namespace {

constexpr size_t kHeadBytes = 64 * 1024;

constexpr std::pair<std::string_view, FileType> kTypeNames[] = {
    {"AUTO", FileType::kAuto},    {"NDJSON", FileType::kNdjson},   {"CSV", FileType::kCsv},
    {"TSV", FileType::kTsv},      {"PARQUET", FileType::kParquet}, {"JSON", FileType::kNdjson},
    {"JSONL", FileType::kNdjson},
};

// The beginning of the text, long enough to detect its format: more than white space, unless its
// first MiBs contain nothing else.
absl::StatusOr<std::string_view> HeadOf(TextReader& text) {
  for (size_t size = kHeadBytes;; size *= 2) {
    ASSIGN_OR_RETURN(const std::string_view head, text.Peek(size));
    const bool blank = head.find_first_not_of(" \t\r\n") == std::string_view::npos;
    if (!blank || head.size() < size || size > kMaxRowBytes) return head;
  }
}

absl::StatusOr<std::unique_ptr<RowReader>> OpenText(std::shared_ptr<ObjectReader> object,
                                                    const ReadOptions& options) {
  std::array<char, 4> bytes;
  ASSIGN_OR_RETURN(const size_t size, object->ReadAt(0, absl::MakeSpan(bytes)));
  const std::string uri = object->info().uri;
  ASSIGN_OR_RETURN(std::unique_ptr<TextReader> text, TextReader::Open(std::move(object)));
  ASSIGN_OR_RETURN(const std::string_view head, HeadOf(*text));
  ASSIGN_OR_RETURN(const TextFormat format,
                   DetectTextFormat({head, uri, DetectCompression({bytes.data(), size})}, options));
  if (format.type == FileType::kNdjson) return NewJsonReader(std::move(text), options);
  return NewCsvReader(std::move(text), format, options);
}

}  // namespace

absl::StatusOr<std::unique_ptr<RowReader>> OpenRows(std::shared_ptr<ObjectReader> object,
                                                    const ReadOptions& options) {
  ASSIGN_OR_RETURN(const bool parquet, IsParquet(*object));
  if (!parquet && object->table_rows() != nullptr) {
    return absl::DataLossError("it is not a Parquet file, but the table says that it is one");
  }
  if (!parquet) return OpenText(std::move(object), options);
  if (options.type != FileType::kAuto && options.type != FileType::kParquet) {
    return NotAskedForParquet(options.type);
  }
  if (const TableRows* const table = object->table_rows()) {
    return OpenTableRows(std::move(object), *table, options);
  }
  return OpenParquet(std::move(object), options);
}

absl::StatusOr<FileType> ParseFileType(std::string_view name) {
  std::string upper(name);
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  for (const auto& [known, type] : kTypeNames) {
    if (upper == known) return type;
  }
  return absl::InvalidArgumentError(StrCat(
      "unknown file type '", name, "'; supported are NDJSON, JSON, JSONL, CSV, TSV, PARQUET"));
}

std::string_view FileTypeName(FileType type) {
  for (const auto& [name, known] : kTypeNames) {
    if (known == type) return name;
  }
  return "";
}

}  // namespace millrace
