// Finding where rows end in text, without decoding them: the part of reading that has to be done in
// order, and therefore has to be cheap.
#ifndef MILLRACE_FORMATS_ROW_CUTTER_H_
#define MILLRACE_FORMATS_ROW_CUTTER_H_

#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "formats/text_rows.h"

namespace millrace {

// One thread at a time. The text lies in a ByteBuffer (see byte_scan.h).
class RowCutter {
 public:
  virtual ~RowCutter() = default;

  // Appends the rows that end in text[*at, ...) to `rows` until it has `most_rows`, and moves *at
  // behind them. The next call goes on from there, whether the bytes were moved meanwhile or
  // more were appended. `final`: the text ends here. DataLoss if what lies between rows is not
  // of the format, or the text is cut off: *at is the place then, and rows appended before it are
  // good.
  virtual absl::Status Cut(std::string_view text, bool final, size_t most_rows, size_t* at,
                           std::vector<RowSpan>* rows) = 0;

  // The unfinished row at *at was cut down to its first `kept` bytes; what is appended behind them
  // goes on where the dropped bytes ended.
  void Shorten(size_t kept) { scanned_ = kept; }

 protected:
  size_t scanned_ = 0;  // bytes from *at on that were looked at in vain
};

// Lines that are not blank, without "\n" or "\r\n".
std::unique_ptr<RowCutter> NewLineCutter();

// The elements of JSON arrays, or JSON values one after another, over any number of lines.
// `resumed`: the text begins behind an element.
enum class JsonLayout { kArray, kSequence };
std::unique_ptr<RowCutter> NewElementCutter(JsonLayout layout, bool resumed);

// CSV records (RFC 4180) that are not blank; a quote counts only where a cell begins. A quote that
// is never closed, or not within kMostRowBytes, costs the line that it began in and no more: that
// line is a row by itself.
std::unique_ptr<RowCutter> NewCsvCutter(char delimiter);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_ROW_CUTTER_H_
