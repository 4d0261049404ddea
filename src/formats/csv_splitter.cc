#include <algorithm>
#include <cstring>
#include <utility>

#include "base/status.h"
#include "formats/byte_scan.h"
#include "formats/row_reader.h"
#include "formats/row_splitter.h"

namespace millrace {
namespace {

class CsvSplitter : public RowSplitter {
 public:
  explicit CsvSplitter(CsvLayout layout) : layout_(std::move(layout)) { BeginRecord(); }

  absl::Status Split(std::string_view text, bool final, size_t max_rows, size_t* at,
                     std::vector<RowSpan>* rows) override {
    const char* const base = text.data();
    const char* const end = base + text.size();
    const char* row = base + *at;
    while (rows->size() < max_rows && row < end) {
      const char* record_end = RecordEnd(row, end);
      if (record_end == nullptr && final) {
        record_end = end;
        if (place_ == Place::kQuoteSeen) CountLines(row, end);
      }
      const size_t size = static_cast<size_t>((record_end != nullptr ? record_end : end) - row);
      if (record_end == nullptr ? size > kMaxRowBytes : IsMalformed(size)) {
        if (const char* line_end = FindEither(row, row + size, '\n', '\r'); line_end < row + size) {
          record_end = line_end;
          longest_cell_ = 0;
        }
      }
      if (record_end == nullptr) break;
      *at = static_cast<size_t>(row - base);
      RETURN_IF_ERROR(AddRow(base, row, record_end, rows));
      row = record_end == end ? end : record_end + 1;
      BeginRecord();
    }
    *at = static_cast<size_t>(row - base);
    return absl::OkStatus();
  }

 private:
  // Where the next byte is: at the beginning of a cell, in a cell, within quotes, right after a
  // quote that either closed a cell or is the first of an escaped pair, or in a record that ends
  // with its line, whatever its content.
  enum class Place { kCellStart, kPlain, kQuoted, kQuoteSeen, kLine };

  // The line end that ends the record at `row`, or null if there is none before `end`.
  const char* RecordEnd(const char* row, const char* end) {
    const CsvDialect& dialect = layout_.dialect;
    const char* at = row + scanned_;
    if (scanned_ == 0 && place_ == Place::kCellStart) {
      // A line without a quote is a record, whatever its number of cells.
      const char* stop = FindAnyOf(row, end, dialect.quote, '\n', '\r');
      if (stop != end && *stop != dialect.quote) {
        place_ = Place::kLine;
        return stop;
      }
    }
    while (at < end) {
      switch (place_) {
        case Place::kCellStart:
          place_ = *at == dialect.quote ? Place::kQuoted : Place::kPlain;
          if (place_ == Place::kQuoted) quoted_from_ = static_cast<size_t>(++at - row);
          break;
        case Place::kPlain:
          at = FindAnyOf(at, end, dialect.delimiter, '\n', '\r');
          if (at == end) break;
          if (*at != dialect.delimiter) return at;
          BeginCell();
          ++at;
          break;
        case Place::kQuoted:
          at = static_cast<const char*>(
              std::memchr(at, dialect.quote, static_cast<size_t>(end - at)));
          if (at == nullptr) {
            at = end;
          } else {
            place_ = Place::kQuoteSeen;
            ++at;
          }
          break;
        case Place::kQuoteSeen:
          if (*at == dialect.quote) {
            place_ = Place::kQuoted;
            ++at;
          } else if (*at == dialect.delimiter) {
            CountLines(row, at);
            BeginCell();
            ++at;
          } else if (*at == '\n' || *at == '\r') {
            CountLines(row, at);
            return at;
          } else {  // text after a closing quote
            place_ = Place::kLine;
            at = row;
          }
          break;
        case Place::kLine:
          at = FindEither(at, end, '\n', '\r');
          if (at != end) return at;
          break;
      }
    }
    scanned_ = static_cast<size_t>(end - row);
    return nullptr;
  }

  // Whether only the first line of the whole record just scanned, of `size` bytes, is to be used as
  // a record.
  bool IsMalformed(size_t size) const {
    if (place_ == Place::kLine) return false;
    if (place_ == Place::kQuoted || size > kMaxRowBytes) return true;
    return layout_.columns != 0 && cells_ != layout_.columns;
  }

  // Updates the number of lines that the current quoted cell has, up to `at`.
  void CountLines(const char* row, const char* at) {
    const char* const begin = row + quoted_from_;
    if (at - begin <= static_cast<ptrdiff_t>(kMaxUsualCellLines)) return;
    const auto newlines = std::max(std::count(begin, at, '\n'), std::count(begin, at, '\r'));
    longest_cell_ = std::max(longest_cell_, static_cast<size_t>(newlines) + 1);
  }

  void BeginCell() {
    ++cells_;
    place_ = Place::kCellStart;
  }

  void BeginRecord() {
    scanned_ = 0;
    cells_ = 1;
    longest_cell_ = 0;
    place_ = layout_.dialect.quotes() ? Place::kCellStart : Place::kLine;
  }

  absl::Status AddRow(const char* base, const char* begin, const char* end,
                      std::vector<RowSpan>* rows) {
    if (end == begin) return absl::OkStatus();
    if (longest_cell_ > kMaxUsualCellLines && layout_.on_long_cell != nullptr) {
      RETURN_IF_ERROR(layout_.on_long_cell(layout_.first_row, longest_cell_));
    }
    ++layout_.first_row;
    rows->push_back({static_cast<uint32_t>(begin - base), static_cast<uint32_t>(end - base)});
    return absl::OkStatus();
  }

  CsvLayout layout_;
  // Of the current record:
  Place place_ = Place::kCellStart;
  size_t cells_ = 1;
  size_t quoted_from_ = 0;   // where its last quoted cell began, from the record's beginning
  size_t longest_cell_ = 0;  // lines of its longest quoted cell, as far as they matter
};

}  // namespace

std::unique_ptr<RowSplitter> NewCsvSplitter(CsvLayout layout) {
  return std::make_unique<CsvSplitter>(std::move(layout));
}

}  // namespace millrace
