#include "formats/csv_reader.h"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "formats/column_names.h"
#include "formats/csv_decoder.h"
#include "formats/utf8.h"

namespace millrace {
namespace {

constexpr size_t kMostColumns = 10'000;

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
  CsvReader(std::unique_ptr<TextReader> text, std::shared_ptr<const CsvSchema> schema,
            std::vector<RenamedColumn> renamed)
      : text_(std::move(text)), schema_(std::move(schema)), renamed_(std::move(renamed)) {}

  absl::StatusOr<std::unique_ptr<RowChunk>> Read(const ChunkLimits& limits) override {
    ASSIGN_OR_RETURN(std::unique_ptr<TextRows> rows, text_->Read(limits));
    if (rows == nullptr) return nullptr;
    return std::make_unique<CsvChunk>(std::move(rows), text_->pool(), schema_);
  }
  FileType type() const override {
    return schema_->delimiter == '\t' ? FileType::kTsv : FileType::kCsv;
  }
  uint64_t raw_bytes() const override { return text_->raw_bytes(); }
  std::vector<std::string> columns() const override { return schema_->shape.names; }
  std::vector<RenamedColumn> renamed_columns() const override { return renamed_; }

 private:
  const std::unique_ptr<TextReader> text_;
  const std::shared_ptr<const CsvSchema> schema_;
  const std::vector<RenamedColumn> renamed_;
};

// Reads the first record of `text`; no names if there is none.
absl::StatusOr<std::vector<std::string>> ReadHeader(TextReader& text, char delimiter) {
  ASSIGN_OR_RETURN(const std::unique_ptr<TextRows> first, text.Read({1, kMostRowBytes}));
  std::vector<std::string> names;
  if (first == nullptr) return names;
  const std::string_view record = first->row(0);
  if (!first->overlong.empty()) return Annotate(OverlongRow(), "reading the header");
  if (!IsUtf8(record)) return Annotate(NotUtf8(record), "reading the header");
  CsvDecoder decoder;
  const absl::StatusOr<size_t> columns =
      decoder.Split(record, delimiter, NullTexts({}), kMostColumns);
  if (!columns.ok()) return Annotate(columns.status(), "reading the header");
  if (*columns > kMostColumns) {
    return absl::InvalidArgumentError(
        StrCat("the header names ", *columns, " columns; at most ", kMostColumns, " are read"));
  }
  for (const Value& cell : decoder.cells()) names.emplace_back(cell.text);
  return names;
}

}  // namespace

char GuessDelimiter(std::string_view line) {
  constexpr std::string_view kDelimiters = ",\t;|";
  std::array<size_t, 4> counts = {};
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') quoted = !quoted;
    const size_t kind = kDelimiters.find(c);
    if (!quoted && kind != std::string_view::npos) ++counts[kind];
  }
  size_t best = 0;
  for (size_t i = 1; i < counts.size(); ++i) {
    if (counts[i] > counts[best]) best = i;
  }
  return counts[best] == 0 ? '\0' : kDelimiters[best];
}

absl::StatusOr<std::unique_ptr<RowReader>> NewCsvReader(std::unique_ptr<TextReader> text,
                                                        char delimiter,
                                                        const ReadOptions& options) {
  text->set_cutter(NewCsvCutter(delimiter));
  ASSIGN_OR_RETURN(std::vector<std::string> names, ReadHeader(*text, delimiter));
  // The header is no row: counting begins behind it.
  const RowPosition behind_header{0, text->position().byte};
  RETURN_IF_ERROR(text->SkipTo(options.from.byte == 0 ? behind_header : options.from));
  std::vector<RenamedColumn> renamed;
  names = UniqueColumnNames(std::move(names), renamed);
  auto schema = std::make_shared<const CsvSchema>(
      CsvSchema{delimiter, RowShape::Make(std::move(names)), NullTexts(options.null_texts)});
  return std::make_unique<CsvReader>(std::move(text), std::move(schema), std::move(renamed));
}

}  // namespace millrace
