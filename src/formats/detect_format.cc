#include "formats/detect_format.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "formats/content_signs.h"

namespace millrace {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

enum class Content {
  kBlank,
  kJson,
  kDelimited,
  kOneColumn,  // text without a delimiter
  kMarkup,
  kBinary,   // a first line with zero bytes
  kForeign,  // an unsupported format
};

struct Finding {
  Content content = Content::kBlank;
  std::string description;  // "JSON", for messages
  DelimiterGuess delimiter;
  std::optional<SepLine> sep_line;
};

constexpr std::pair<std::string_view, FileType> kExtensions[] = {
    {"ndjson", FileType::kNdjson}, {"jsonl", FileType::kNdjson}, {"json", FileType::kNdjson},
    {"csv", FileType::kCsv},       {"tsv", FileType::kTsv},      {"tab", FileType::kTsv},
};

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

// The format named by the ending of `name`, before a compression ending; kAuto: none.
FileType TypeByName(std::string_view uri) {
  const std::string lower = Lower(uri);
  std::string_view name = lower;
  for (const std::string_view packed : {".gz", ".gzip", ".zst", ".zstd"}) {
    if (name.ends_with(packed)) {
      name.remove_suffix(packed.size());
      break;
    }
  }
  const size_t dot = name.find_last_of("./");
  if (dot == std::string_view::npos || name[dot] != '.') return FileType::kAuto;
  for (const auto& [extension, type] : kExtensions) {
    if (name.substr(dot + 1) == extension) return type;
  }
  return FileType::kAuto;
}

std::string_view Line(std::string_view text) {
  return text.substr(0, std::min(text.find_first_of("\r\n"), text.size()));
}

char QuoteOf(const ReadOptions& options) { return options.quote.value_or('"'); }

Finding LookAt(std::string_view head, const ReadOptions& options) {
  Finding found;
  if (std::optional<std::string> foreign = FindForeignFormat(head)) {
    return {Content::kForeign, *std::move(foreign), {}, {}};
  }
  const size_t begin = head.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {Content::kBlank, "empty", {}, {}};
  if (BeginsJson(head.substr(begin))) return {Content::kJson, "JSON", {}, {}};
  if (std::optional<std::string> markup = DescribeMarkup(head.substr(begin))) {
    return {Content::kMarkup, *std::move(markup), {}, {}};
  }
  // An empty first cell is white space to JSON and a cell to tab-separated text.
  const std::string_view text = head.substr(head.find_first_not_of("\r\n"));
  found.sep_line = FindSepLine(text);
  found.delimiter = GuessDelimiter(text, QuoteOf(options), options.column_names.size());
  if (found.sep_line) found.delimiter = {found.sep_line->delimiter, false};
  if (Line(text).find('\0') != std::string_view::npos) {
    found.content = Content::kBinary;
    found.description = "binary data (its first line has zero bytes)";
  } else if (found.delimiter.delimiter == '\0') {
    found.content = Content::kOneColumn;
    found.description = "text that is neither JSON nor CSV";
  } else {
    found.content = Content::kDelimited;
    found.description =
        found.delimiter.delimiter == '\t' ? "tab-separated text" : "delimited text (CSV)";
  }
  return found;
}

// Where the content was found, to precede a clause about it.
std::string_view Inside(Compression compression) {
  switch (compression) {
    case Compression::kGzip:
      return "inside its gzip compression ";
    case Compression::kZstd:
      return "inside its zstd compression ";
    case Compression::kNone:
      return "";
  }
  return "";
}

// Advice on how to override the decision, if there is a way.
std::string AdviceOn(const Finding& found, const ReadOptions& options) {
  constexpr std::string_view kName = "end the object's name in .ndjson, .csv or .tsv";
  const bool by_name = found.content != Content::kMarkup;
  if (!by_name && !options.has_entry) return "";
  std::string advice = "; if it is data after all,  ";
  if (options.has_entry) {
    advice += "name its type with \"file_type\" in the config entry (NDJSON, CSV, TSV)";
    if (by_name) advice += ", or ";
  }
  if (by_name) advice += kName;
  return advice;
}

absl::Status Undecided(const Finding& found, Compression compression, const ReadOptions& options) {
  constexpr std::string_view kUnknown = "the content type is not supported: ";
  if (found.content == Content::kForeign) {
    return absl::InvalidArgumentError(StrCat(kUnknown, Inside(compression), "it is ",
                                             found.description,
                                             "; supported are NDJSON, JSON, CSV, TSV and Parquet"));
  }
  return absl::InvalidArgumentError(StrCat(kUnknown, Inside(compression), "it looks like ",
                                           found.description, AdviceOn(found, options)));
}

absl::Status Disagreement(std::string_view content, Compression compression, FileType asked) {
  return absl::InvalidArgumentError(StrCat("the file type was given as ", FileTypeName(asked),
                                           ", but ", Inside(compression), "the content is ",
                                           content,
                                           "; correct \"file_type\" in the config entry, or leave "
                                           "it out to detect the type from the content"));
}

// Whether text that looks like `found` may be read as `asked`.
bool MayBe(FileType asked, const Finding& found, std::string_view head) {
  if (found.content == Content::kForeign) return false;
  if (found.content == Content::kBlank) return asked != FileType::kParquet;
  switch (asked) {
    case FileType::kNdjson:  // a first line that is broken is a bad row
      return found.content == Content::kJson || HasLineOfJson(head);
    case FileType::kCsv:  // a single column has no delimiter
      return found.content != Content::kJson;
    case FileType::kTsv:
      return found.content != Content::kJson &&
             (found.content != Content::kDelimited || head.find('\t') != std::string_view::npos);
    case FileType::kAuto:
    case FileType::kParquet:
      return false;
  }
  return false;
}

// The type by structure and, on a tie, by name; kAuto if neither decides.
FileType Decide(const Finding& found, const TextSample& sample, const ReadOptions& options) {
  const FileType by_name = TypeByName(sample.uri);
  switch (found.content) {
    case Content::kJson:
      return FileType::kNdjson;
    case Content::kBlank:
      return by_name == FileType::kAuto ? FileType::kNdjson : by_name;
    case Content::kDelimited:
      if (by_name == FileType::kNdjson &&
          (HasLineOfJson(sample.head) || BeginsListOfNumbers(sample.head))) {
        return FileType::kNdjson;
      }
      if (found.sep_line) return FileType::kCsv;
      if (found.delimiter.delimiter == '\t') return FileType::kTsv;
      return by_name == FileType::kTsv && found.delimiter.tab_is_equal ? FileType::kTsv
                                                                       : FileType::kCsv;
    case Content::kOneColumn:
      if (HasLineOfJson(sample.head)) return FileType::kNdjson;
      if (by_name == FileType::kAuto && !options.column_names.empty()) return FileType::kCsv;
      return by_name;
    case Content::kBinary:
      return by_name;
    case Content::kMarkup:
    case Content::kForeign:
      return FileType::kAuto;
  }
  return FileType::kAuto;
}

}  // namespace

absl::StatusOr<bool> IsParquet(ObjectReader& object) {
  std::array<char, 16> head;
  ASSIGN_OR_RETURN(const size_t size, object.ReadAt(0, absl::MakeSpan(head)));
  const std::string_view bytes(head.data(), size);
  const std::string_view magic = bytes.substr(0, 4);
  if (magic != "PAR1" && magic != "PARE") return false;
  if (std::any_of(bytes.begin() + 4, bytes.end(), IsControl)) return true;
  std::array<char, 4> tail;
  const uint64_t end = object.info().size;
  ASSIGN_OR_RETURN(const size_t tail_size,
                   object.ReadAt(end < tail.size() ? 0 : end - tail.size(), absl::MakeSpan(tail)));
  const std::string_view last(tail.data(), tail_size);
  return last == "PAR1" || last == "PARE";
}

absl::Status NotAskedForParquet(FileType asked) {
  return Disagreement("Parquet", Compression::kNone, asked);
}

absl::StatusOr<TextFormat> DetectTextFormat(const TextSample& sample, const ReadOptions& options) {
  const Finding found = LookAt(sample.head, options);
  FileType type = options.type;
  if (type == FileType::kAuto) {
    type = Decide(found, sample, options);
    if (type == FileType::kAuto) return Undecided(found, sample.compression, options);
  } else if (!MayBe(type, found, sample.head)) {
    return Disagreement(found.description, sample.compression, type);
  }
  TextFormat format{.type = type};
  if (type == FileType::kNdjson) return format;
  const char guess = found.delimiter.delimiter == '\0' ? ',' : found.delimiter.delimiter;
  format.dialect.delimiter = type == FileType::kTsv ? '\t' : guess;
  // Programs that write TSV escape tabs and line ends, and do not quote.
  format.dialect.quote = options.quote.value_or(type == FileType::kTsv ? kNoQuote : '"');
  if (found.content == Content::kBlank) format.prefix = sample.head.size();
  if (found.sep_line) {
    format.has_sep = true;
    format.prefix = sample.head.find_first_not_of("\r\n") + found.sep_line->size;
  }
  return format;
}

}  // namespace millrace
