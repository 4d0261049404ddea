#include "formats/csv_decoder.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/pluralize.h"
#include "base/status.h"
#include "base/strings.h"
#include "formats/byte_scan.h"
#include "formats/utf8_validation.h"

namespace millrace {

NullTexts::NullTexts(std::vector<std::string> texts) : texts_(std::move(texts)) {
  for (const std::string& text : texts_) {
    if (!text.empty()) begins_[static_cast<unsigned char>(text[0])] = true;
  }
}

bool NullTexts::Contains(std::string_view cell) const {
  if (cell.empty()) return true;
  if (!begins_[static_cast<unsigned char>(cell[0])]) return false;
  return std::find(texts_.begin(), texts_.end(), cell) != texts_.end();
}

void CsvDecoder::Decode(const TextRows& rows, const CsvSchema& schema, RowVisitor& visitor) {
  const bool utf8 = IsUtf8(rows.text.view(rows.rows.front().begin, rows.rows.back().end));
  for (size_t i = 0; i < rows.rows.size(); ++i) {
    const uint64_t number = rows.first_row + i;
    const std::string_view record = rows.row(i);
    if (const OverlongSpan* overlong = rows.FindOverlong(i)) {
      ShowOverlong(*overlong, rows, visitor);
      continue;
    }
    absl::Status status;
    if (!utf8 && !IsUtf8(record)) {
      status = NotUtf8(record);
    } else {
      status = DecodeRow(record, schema);
    }
    if (status.ok()) {
      visitor.OnRow({number, &schema.shape, cells_});
    } else {
      visitor.OnBadRow(number, status, record);
    }
  }
}

absl::Status CsvDecoder::DecodeRow(std::string_view record, const CsvSchema& schema) {
  const size_t expected = schema.shape.names.size();
  const absl::StatusOr<size_t> split = Split(record, schema.dialect, schema.null_texts, expected);
  if (!split.ok()) {
    return absl::InvalidArgumentError(
        StrCat(ToStd(split.status().message()), "; the lines after it are read separately"));
  }
  const size_t found = *split;
  if (found == expected) return absl::OkStatus();
  const bool has_quotes =
      schema.has_entry && !schema.dialect.quotes() && record.find('"') != std::string_view::npos;
  return absl::InvalidArgumentError(
      StrCat("expected ", Pluralize(expected, "cell"),
             schema.has_header ? " as in the header" : " as \"columns\" of the entry names",
             ", found ", found,
             has_quotes ? "; quotes are ordinary text here: if they enclose cells, set the entry's "
                          "\"quote\" to \"\\\"\""
                        : ""));
}

absl::StatusOr<size_t> CsvDecoder::Split(std::string_view record, const CsvDialect& dialect,
                                         const NullTexts& null_texts, size_t max_kept) {
  cells_.clear();
  unquoted_.clear();
  const char* at = record.data();
  const char* const end = at + record.size();
  Value not_kept;
  for (size_t count = 1;; ++count) {
    Value& cell = count <= max_kept ? cells_.emplace_back() : not_kept;
    const char* cell_end;
    if (dialect.quotes() && at != end && *at == dialect.quote) {
      // The text of the cells is never longer than the record, so views of unquoted cells stay
      // valid.
      if (unquoted_.empty()) unquoted_.Reserve(record.size());
      cell_end = TakeQuoted(at, end, dialect.quote, &cell);
      if (cell_end == nullptr) {
        return absl::InvalidArgumentError(
            StrCat("the quote that begins cell ", count,
                   " is not closed in this line, or not properly in a later one"));
      }
      if (cell_end != end && *cell_end != dialect.delimiter) {
        return absl::InvalidArgumentError(StrCat("text after the closing quote of cell ", count,
                                                 "; a quote inside a quoted cell must be doubled"));
      }
    } else {
      cell_end = FindEither(at, end, dialect.delimiter, dialect.delimiter);
      const std::string_view text(at, static_cast<size_t>(cell_end - at));
      cell =
          null_texts.Contains(text) ? Value::NullWord(text) : Value::Text(Value::Kind::kText, text);
    }
    if (cell_end == end) return count;
    at = cell_end + 1;
  }
}

// The end of the quoted cell at `begin`, after its closing quote; null if there is none.
const char* CsvDecoder::TakeQuoted(const char* begin, const char* end, char quote_mark,
                                   Value* cell) {
  const char* from = begin + 1;
  const size_t unquoted_begin = unquoted_.size();
  for (;;) {
    const char* quote = FindEither(from, end, quote_mark, quote_mark);
    if (quote == end) return nullptr;
    const bool doubled = quote + 1 != end && quote[1] == quote_mark;
    const std::string_view part(from, static_cast<size_t>(quote + (doubled ? 1 : 0) - from));
    if (!doubled && unquoted_.size() == unquoted_begin) {
      *cell = Value::Text(Value::Kind::kText, part);
      return quote + 1;
    }
    unquoted_.Append(part);
    if (!doubled) {
      *cell = Value::Text(Value::Kind::kText, unquoted_.view(unquoted_begin, unquoted_.size()));
      return quote + 1;
    }
    from = quote + 2;
  }
}

}  // namespace millrace
