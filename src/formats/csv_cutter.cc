#include <cstring>

#include "formats/byte_scan.h"
#include "formats/row_cutter.h"

namespace millrace {
namespace {

class CsvCutter : public RowCutter {
 public:
  explicit CsvCutter(char delimiter) : delimiter_(delimiter) {}

  absl::Status Cut(std::string_view text, bool final, size_t most_rows, size_t* at,
                   std::vector<RowSpan>* rows) override {
    const char* const base = text.data();
    const char* const end = base + text.size();
    const char* row = base + *at;
    while (rows->size() < most_rows && row < end) {
      const char* record_end = RecordEnd(row, end);
      const size_t size = static_cast<size_t>((record_end != nullptr ? record_end : end) - row);
      const bool unclosed = record_end == nullptr && final && place_ == Place::kQuoted;
      if (unclosed || size > kMostRowBytes) {
        const void* line_end = std::memchr(row, '\n', size);
        if (line_end != nullptr) record_end = static_cast<const char*>(line_end);
      }
      if (record_end == nullptr) {
        if (!final) break;
        record_end = end;
      }
      AddRow(base, row, record_end, rows);
      row = record_end == end ? end : record_end + 1;
      scanned_ = 0;
      place_ = Place::kCellStart;
    }
    *at = static_cast<size_t>(row - base);
    return absl::OkStatus();
  }

 private:
  // Where the next byte is: at the begin of a cell, in a cell, within quotes, or right behind a
  // quote that either closed a cell or is the first of two that stand for one.
  enum class Place { kCellStart, kPlain, kQuoted, kQuoteSeen };

  // The line end that ends the record at `row`, or null if it lies behind `end`.
  const char* RecordEnd(const char* row, const char* end) {
    const char* at = row + scanned_;
    while (at < end) {
      switch (place_) {
        case Place::kCellStart:
          place_ = *at == '"' ? Place::kQuoted : Place::kPlain;
          if (place_ == Place::kQuoted) ++at;
          break;
        case Place::kPlain:
          at = FindEither(at, end, delimiter_, '\n');
          if (at == end) break;
          if (*at == '\n') return at;
          place_ = Place::kCellStart;
          ++at;
          break;
        case Place::kQuoted:
          at = static_cast<const char*>(std::memchr(at, '"', static_cast<size_t>(end - at)));
          if (at == nullptr) {
            at = end;
          } else {
            place_ = Place::kQuoteSeen;
            ++at;
          }
          break;
        case Place::kQuoteSeen:
          place_ = *at == '"' ? Place::kQuoted : Place::kPlain;
          if (place_ == Place::kQuoted) ++at;
          break;
      }
    }
    scanned_ = static_cast<size_t>(end - row);
    return nullptr;
  }

  static void AddRow(const char* base, const char* begin, const char* end,
                     std::vector<RowSpan>* rows) {
    if (end != begin && end[-1] == '\r') --end;
    if (end == begin) return;
    rows->push_back({static_cast<uint32_t>(begin - base), static_cast<uint32_t>(end - base)});
  }

  const char delimiter_;
  Place place_ = Place::kCellStart;
};

}  // namespace

std::unique_ptr<RowCutter> NewCsvCutter(char delimiter) {
  return std::make_unique<CsvCutter>(delimiter);
}

}  // namespace millrace
