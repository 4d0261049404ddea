#include "formats/csv_reader.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "base/utf8.h"
#include "formats/column_names.h"
#include "formats/csv_decoder.h"
#include "formats/utf8_validation.h"

namespace millrace {
namespace {

constexpr size_t kMaxColumns = 10'000;
constexpr size_t kMaxShownBytes = 200;

std::string Shortened(std::string_view text) {
  if (text.size() <= kMaxShownBytes) return std::string(text);
  return StrCat(CutUtf8(text, kMaxShownBytes), "...");
}

class CsvChunk : public TextChunk {
 public:
  CsvChunk(std::unique_ptr<TextRows> rows, std::shared_ptr<TextRowsPool> pool,
           std::shared_ptr<const CsvSchema> schema)
      : TextChunk(std::move(rows), std::move(pool)), schema_(std::move(schema)) {}

  void ForEachRow(DecodeScratch& scratch, RowVisitor& visitor) override {
    ScratchIn<CsvDecoder>(scratch.parts().csv).Decode(rows(), *schema_, visitor);
  }

 private:
  const std::shared_ptr<const CsvSchema> schema_;
};

class CsvReader : public RowReader {
 public:
  // `if_empty`: what to say if there are no rows.
  CsvReader(std::unique_ptr<TextReader> text, FileType type,
            std::shared_ptr<const CsvSchema> schema, std::vector<RenamedColumn> renamed,
            absl::Status if_empty)
      : text_(std::move(text)),
        type_(type),
        schema_(std::move(schema)),
        renamed_(std::move(renamed)),
        if_empty_(std::move(if_empty)) {}

  absl::StatusOr<std::unique_ptr<RowChunk>> Read(const ChunkLimits& limits) override {
    ASSIGN_OR_RETURN(std::unique_ptr<TextRows> rows, text_->Read(limits));
    if (rows == nullptr) {
      RETURN_IF_ERROR(if_empty_);
      return nullptr;
    }
    if_empty_ = absl::OkStatus();
    return std::make_unique<CsvChunk>(std::move(rows), text_->pool(), schema_);
  }
  FileType type() const override { return type_; }
  uint64_t raw_bytes() const override { return text_->raw_bytes(); }
  std::vector<std::string> columns() const override { return schema_->shape.names; }
  std::vector<RenamedColumn> renamed_columns() const override { return renamed_; }

 private:
  const std::unique_ptr<TextReader> text_;
  const FileType type_;
  const std::shared_ptr<const CsvSchema> schema_;
  const std::vector<RenamedColumn> renamed_;
  absl::Status if_empty_;
};

// Reads the first record of `text`; returns no names if there is none.
absl::StatusOr<std::vector<std::string>> ReadHeader(TextReader& text, const CsvDialect& dialect) {
  text.set_splitter(NewCsvSplitter({.dialect = dialect}));
  ASSIGN_OR_RETURN(const std::unique_ptr<TextRows> first, text.Read({1, kMaxRowBytes}));
  std::vector<std::string> names;
  if (first == nullptr) return names;
  const std::string_view record = first->row(0);
  if (!first->overlong.empty()) return Annotate(OverlongRow(), "reading the header");
  if (!IsUtf8(record)) return Annotate(NotUtf8(record), "reading the header");
  CsvDecoder decoder;
  const absl::StatusOr<size_t> columns = decoder.Split(record, dialect, NullTexts({}), kMaxColumns);
  if (!columns.ok()) return Annotate(columns.status(), "reading the header");
  if (*columns > kMaxColumns) {
    return absl::InvalidArgumentError(
        StrCat("the header names ", *columns, " columns; the maximum is ", kMaxColumns));
  }
  for (const Value& cell : decoder.cells()) names.emplace_back(cell.text);
  return names;
}

// InvalidArgument if the file contains only `names`, and none of them is expected.
absl::Status CheckLoneHeader(const std::vector<std::string>& names, const ReadOptions& options) {
  const std::vector<std::string>& expected = options.expected_columns;
  const auto fits = [&](const std::string& name) {
    return std::find(expected.begin(), expected.end(), name) != expected.end();
  };
  if (names.empty() || expected.empty() || std::any_of(names.begin(), names.end(), fits)) {
    return absl::OkStatus();
  }
  std::string first_line;
  for (const std::string& name : names) {
    if (first_line.size() > kMaxShownBytes) break;
    StrAppend(&first_line, first_line.empty() ? "" : ", ", name);
  }
  return absl::InvalidArgumentError(
      StrCat("the file has no rows: its only line is not a header with the mapped columns "
             "(such as \"",
             expected.front(), "\"), but: ", Shortened(first_line),
             options.has_entry
                 ? "; if that is a row, name the columns with \"columns\" in the config entry"
                 : ""));
}

// The error of a file in which no row follows `names`, if that is an error.
absl::Status CheckWithoutRows(const std::vector<std::string>& names, const TextFormat& format,
                              const ReadOptions& options) {
  if (options.from.row != 0) return absl::OkStatus();
  if (format.has_sep && (names.empty() || !options.column_names.empty())) {
    return absl::InvalidArgumentError(
        StrCat("the file has no rows: it ends after the line \"sep=",
               std::string(1, format.dialect.delimiter),
               "\", which only names the delimiter; export it again"));
  }
  return options.column_names.empty() ? CheckLoneHeader(names, options) : absl::OkStatus();
}

// Reports long cells of `uri` to `warnings`, if that is not null.
std::function<absl::Status(uint64_t, size_t)> LongCellWarning(std::string uri, Warnings* warnings) {
  if (warnings == nullptr) return nullptr;
  return [uri = std::move(uri), warnings](uint64_t row, size_t lines) {
    return warnings->Add(
        {.code = "long_cell",
         .object = uri,
         .message = StrCat("row ", row + 1, " has a quoted cell of ", lines,
                           " lines; if a closing quote is missing, it includes other rows: "
                           "\"quote\": \"\" in the config entry makes quotes ordinary text")});
  };
}

}  // namespace

absl::StatusOr<std::unique_ptr<RowReader>> NewCsvReader(std::unique_ptr<TextReader> text,
                                                        const TextFormat& format,
                                                        const ReadOptions& options) {
  if (format.prefix != 0) RETURN_IF_ERROR(text->SkipTo({0, text->position().byte + format.prefix}));
  std::vector<std::string> names = options.column_names;
  if (names.empty()) {
    ASSIGN_OR_RETURN(names, ReadHeader(*text, format.dialect));
  }
  const absl::Status if_empty = CheckWithoutRows(names, format, options);
  // The header is not a row: counting begins after it.
  const Position first_row{0, text->position().byte};
  const Position from = options.from.byte == 0 ? first_row : options.from;
  RETURN_IF_ERROR(text->SkipTo(from));
  text->set_splitter(
      NewCsvSplitter({.dialect = format.dialect,
                      .columns = names.size(),
                      .first_row = from.row,
                      .on_long_cell = LongCellWarning(text->uri(), options.warnings)}));
  std::vector<RenamedColumn> renamed;
  names = UniqueColumnNames(std::move(names), renamed);
  auto schema = std::make_shared<const CsvSchema>(
      CsvSchema{format.dialect, RowShape::Make(std::move(names)), NullTexts(options.null_texts),
                options.column_names.empty(), options.has_entry});
  return std::make_unique<CsvReader>(std::move(text), format.type, std::move(schema),
                                     std::move(renamed), if_empty);
}

}  // namespace millrace
