#include "formats/row_reader.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "formats/csv_reader.h"
#include "formats/json_reader.h"
#include "formats/parquet_reader.h"
#include "formats/text_reader.h"
#include "io/decompress.h"

namespace millrace {
namespace {

constexpr size_t kHeadBytes = 64 * 1024;

enum class Content { kBlank, kJson, kDelimited, kOtherText, kBinary };

struct Finding {
  Content content;
  std::string description;  // "JSON", for messages
};

struct Magic {
  std::string_view bytes;
  std::string_view name;
};

// What people try to import and cannot be read, by its first bytes.
constexpr Magic kUnreadable[] = {
    {"PAR1", "a compressed Parquet file (decompress it first)"},
    {"PARE", "an encrypted Parquet file"},
    {"ORC", "an ORC file"},
    {"Obj\x01", "an Avro file"},
    {"PK\x03\x04", "a ZIP archive or a spreadsheet (unpack it, or save it as CSV)"},
    {"BZh", "bzip2 (use gzip or zstd)"},
    {"\xfd\x37zXZ", "xz (use gzip or zstd)"},
    {"\x04\x22\x4d\x18", "LZ4 (use gzip or zstd)"},
    {"\xff\xfe", "UTF-16 text (convert it to UTF-8)"},
    {"\xfe\xff", "UTF-16 text (convert it to UTF-8)"},
};

constexpr std::pair<std::string_view, FileType> kTypeNames[] = {
    {"AUTO", FileType::kAuto},    {"NDJSON", FileType::kNdjson},   {"CSV", FileType::kCsv},
    {"TSV", FileType::kTsv},      {"PARQUET", FileType::kParquet}, {"JSON", FileType::kNdjson},
    {"JSONL", FileType::kNdjson},
};

std::string_view FirstLine(std::string_view text) { return text.substr(0, text.find('\n')); }

// True if `text` begins a JSON object or a list that may hold some.
bool BeginsJson(std::string_view text) {
  const size_t second = text.find_first_not_of(" \t\r\n", 1);
  if (second == std::string_view::npos) return text[0] == '{' || text[0] == '[';
  if (text[0] == '{') return text[second] == '"' || text[second] == '}';
  return text[0] == '[' && std::string_view("{[]\"").find(text[second]) != std::string_view::npos;
}

Finding LookAt(std::string_view head) {
  for (const Magic& magic : kUnreadable) {
    if (head.substr(0, magic.bytes.size()) == magic.bytes) {
      return {Content::kBinary, std::string(magic.name)};
    }
  }
  if (head.find('\0') != std::string_view::npos) return {Content::kBinary, "binary data"};
  const size_t begin = head.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {Content::kBlank, "empty"};
  if (BeginsJson(head.substr(begin))) return {Content::kJson, "JSON"};
  const char delimiter = GuessDelimiter(FirstLine(head.substr(begin)));
  if (delimiter == '\0') return {Content::kOtherText, "text that is neither JSON nor CSV"};
  return {Content::kDelimited, delimiter == '\t' ? "tab-separated text" : "delimited text (CSV)"};
}

bool HasLineOfJson(std::string_view head) {
  for (size_t at = head.find("\n{"); at != std::string_view::npos; at = head.find("\n{", at + 1)) {
    if (BeginsJson(head.substr(at + 1))) return true;
  }
  return false;
}

absl::Status Disagreement(const Finding& found, Compression compression, FileType asked) {
  const std::string_view packing = compression == Compression::kGzip   ? "gzip-compressed "
                                   : compression == Compression::kZstd ? "zstd-compressed "
                                                                       : "";
  if (asked == FileType::kAuto) {
    return absl::InvalidArgumentError(StrCat("the content is of no known type: it looks like ",
                                             packing, found.description,
                                             "; known are NDJSON, JSON, CSV, TSV and Parquet"));
  }
  return absl::InvalidArgumentError(StrCat("the file type was given as ", FileTypeName(asked),
                                           ", but the content is ", packing, found.description,
                                           "; leave the type out to go by the content"));
}

// Whether text that looks like `found` may be read as `asked`.
bool Agrees(const Finding& found, FileType asked, std::string_view head) {
  if (found.content == Content::kBinary) return false;
  if (found.content == Content::kBlank) return asked != FileType::kParquet;
  switch (asked) {
    case FileType::kAuto:
      return found.content == Content::kJson || found.content == Content::kDelimited;
    case FileType::kNdjson:  // a first line that is broken is a bad row
      return found.content == Content::kJson || HasLineOfJson(head);
    case FileType::kCsv:  // a single column has no delimiter
      return found.content != Content::kJson;
    case FileType::kTsv:
      return found.content == Content::kOtherText ||
             FirstLine(head).find('\t') != std::string_view::npos;
    case FileType::kParquet:
      return false;
  }
  return false;
}

absl::StatusOr<std::unique_ptr<RowReader>> OpenText(std::shared_ptr<ObjectReader> object,
                                                    Compression compression,
                                                    const ReadOptions& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<TextReader> text, TextReader::Open(std::move(object)));
  ASSIGN_OR_RETURN(const std::string_view head, text->Peek(kHeadBytes));
  const Finding found = LookAt(head);
  if (!Agrees(found, options.type, head)) return Disagreement(found, compression, options.type);
  const bool json = options.type == FileType::kNdjson ||
                    (options.type == FileType::kAuto && found.content != Content::kDelimited);
  if (json) return NewJsonReader(std::move(text), options.from);
  if (options.type == FileType::kTsv) return NewCsvReader(std::move(text), '\t', options);
  const size_t begin = std::min(head.find_first_not_of("\r\n"), head.size());
  const char delimiter = GuessDelimiter(FirstLine(head.substr(begin)));
  return NewCsvReader(std::move(text), delimiter == '\0' ? ',' : delimiter, options);
}

}  // namespace

absl::StatusOr<std::unique_ptr<RowReader>> OpenRows(std::shared_ptr<ObjectReader> object,
                                                    const ReadOptions& options) {
  std::array<char, 4> bytes;
  ASSIGN_OR_RETURN(const size_t size, object->ReadAt(0, absl::MakeSpan(bytes)));
  const std::string_view magic(bytes.data(), size);
  if (magic == "PAR1") {
    if (options.type == FileType::kAuto || options.type == FileType::kParquet) {
      return OpenParquet(std::move(object), options);
    }
    return Disagreement({Content::kBinary, "Parquet"}, Compression::kNone, options.type);
  }
  return OpenText(std::move(object), DetectCompression(magic), options);
}

absl::StatusOr<FileType> ParseFileType(std::string_view name) {
  std::string upper(name);
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  for (const auto& [known, type] : kTypeNames) {
    if (upper == known) return type;
  }
  return absl::InvalidArgumentError(
      StrCat("unknown file type '", name, "'; known are NDJSON, JSON, JSONL, CSV, TSV, PARQUET"));
}

std::string_view FileTypeName(FileType type) {
  for (const auto& [name, known] : kTypeNames) {
    if (known == type) return name;
  }
  return "";
}

}  // namespace millrace
