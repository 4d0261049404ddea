// Finds the ends of rows in text without decoding them: the part of reading that must happen in
// order and therefore must be cheap.
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

// One thread at a time. The text must be in a ByteBuffer (see byte_scan.h).
class RowSplitter {
 public:
  virtual ~RowSplitter() = default;

  // Appends the rows that end in text[*at, ...) to `rows` until it has `max_rows`, and moves *at
  // past them. The next call resumes from there, even if the bytes were moved or more were
  // appended. `final`: the text ends here. DataLoss if the text between rows does not match the
  // format, or the text is truncated: *at is then the place, and rows appended before it are valid.
  virtual absl::Status Split(std::string_view text, bool final, size_t max_rows, size_t* at,
                             std::vector<RowSpan>* rows) = 0;

  // The unfinished row at *at was truncated to its first `kept` bytes; the bytes appended after
  // them continue where the dropped bytes ended.
  virtual void Shorten(size_t kept) { scanned_ = kept; }

 protected:
  size_t scanned_ = 0;  // bytes from *at on that were already scanned without finding an end
};

// Lines of JSON that are not blank, without white space around them. If `split`, each object that
// is followed by another one in its line is a row of its own.
std::unique_ptr<RowSplitter> NewJsonLineSplitter(bool split);

// The elements of JSON arrays, or consecutive JSON values, over any number of lines. `resumed`: the
// text begins after an element.
enum class JsonLayout { kArray, kSequence };
std::unique_ptr<RowSplitter> NewElementSplitter(JsonLayout layout, bool resumed);

struct CsvLayout {
  CsvDialect dialect;
  size_t columns = 0;      // the expected number per record; 0: any number
  uint64_t first_row = 0;  // number of the first row to be split off
  // Called for well-formed cells of more than kMaxUsualCellLines lines. A status that is not ok
  // stops splitting before the row, and is returned.
  std::function<absl::Status(uint64_t row, size_t lines)> on_long_cell;
};
inline constexpr size_t kMaxUsualCellLines = 100;

// CSV records (RFC 4180) that are not blank; lines end with "\n", "\r\n" or "\r", and a quote
// counts only at the beginning of a cell. A malformed record affects only the line where it begins:
// that line becomes a row of its own. A record is malformed if it has text after a closing quote,
// has a quote that is not closed within kMaxRowBytes, or spans several lines and does not have the
// expected number of cells.
std::unique_ptr<RowSplitter> NewCsvSplitter(CsvLayout layout);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_ROW_SPLITTER_H_
