// Finding where rows end in text, without decoding them: the part of reading that has to be done in
// order, and therefore has to be cheap.
#ifndef MILLRACE_FORMATS_ROW_SPLITTER_H_
#define MILLRACE_FORMATS_ROW_SPLITTER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "formats/csv_dialect.h"
#include "formats/text_rows.h"

namespace millrace {

// One thread at a time. The text lies in a ByteBuffer (see byte_scan.h).
class RowSplitter {
 public:
  virtual ~RowSplitter() = default;

  // Appends the rows that end in text[*at, ...) to `rows` until it has `max_rows`, and moves *at
  // behind them. The next call goes on from there, whether the bytes were moved meanwhile or
  // more were appended. `final`: the text ends here. DataLoss if what lies between rows is not
  // of the format, or the text is cut off: *at is the place then, and rows appended before it are
  // good.
  virtual absl::Status Split(std::string_view text, bool final, size_t max_rows, size_t* at,
                             std::vector<RowSpan>* rows) = 0;

  // The unfinished row at *at was cut down to its first `kept` bytes; what is appended behind them
  // goes on where the dropped bytes ended.
  virtual void Shorten(size_t kept) { scanned_ = kept; }

 protected:
  size_t scanned_ = 0;  // bytes from *at on that were looked at in vain
};

// Lines of JSON that are not blank, without white space around them. An object that is followed by
// another one in its line is a row by itself, if `split`.
std::unique_ptr<RowSplitter> NewJsonLineSplitter(bool split);

// The elements of JSON arrays, or JSON values one after another, over any number of lines.
// `resumed`: the text begins behind an element.
enum class JsonLayout { kArray, kSequence };
std::unique_ptr<RowSplitter> NewElementSplitter(JsonLayout layout, bool resumed);

struct CsvLayout {
  CsvDialect dialect;
  size_t columns = 0;      // that records should have; 0: any number
  uint64_t first_row = 0;  // number of the first row that is cut
  // Hears of well-formed cells of more than kMaxUsualCellLines lines. A status that is not ok ends
  // the cutting before the row, and is returned.
  std::function<absl::Status(uint64_t row, size_t lines)> on_long_cell;
};
inline constexpr size_t kMaxUsualCellLines = 100;

// CSV records (RFC 4180) that are not blank; lines end with "\n", "\r\n" or "\r", and a quote
// counts only where a cell begins. A malformed record costs the line that it begins in and no more:
// that line is a row by itself. Malformed are records with text after a closing quote, with a quote
// that is never closed, or not within kMaxRowBytes, and those of several lines that have not as
// many cells as there are columns.
std::unique_ptr<RowSplitter> NewCsvSplitter(CsvLayout layout);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_ROW_SPLITTER_H_
