// How the cells of delimited text are separated, and how to detect that.
#ifndef MILLRACE_FORMATS_CSV_DIALECT_H_
#define MILLRACE_FORMATS_CSV_DIALECT_H_

#include <cstddef>
#include <optional>
#include <string_view>

namespace millrace {

inline constexpr char kNoQuote = '\0';

struct CsvDialect {
  char delimiter = ',';
  char quote = '"';  // kNoQuote: quotes are ordinary text, and every line is a record

  bool quotes() const { return quote != kNoQuote; }
};

// Excel's line "sep=;", which comes before the header and names the delimiter.
struct SepLine {
  char delimiter = ',';
  size_t size = 0;  // bytes up to the end of the line
};
// The "sep=" line that `text` begins with, if any.
std::optional<SepLine> FindSepLine(std::string_view text);

// The delimiter of the record at the beginning of `text`.
struct DelimiterGuess {
  char delimiter = '\0';      // '\0': the record has one cell
  bool tab_is_equal = false;  // as many tabs as delimiters
};

// The one of comma, tab, semicolon and bar that occurs most often outside quotes; on a tie, the
// first of them. `columns`: the number of cells if it is known, else 0; a delimiter that gives this
// many cells takes precedence.
DelimiterGuess GuessDelimiter(std::string_view text, char quote, size_t columns = 0);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_CSV_DIALECT_H_
