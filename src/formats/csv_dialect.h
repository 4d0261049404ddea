// How the cells of delimited text are separated, and finding that out.
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

// Excel's line "sep=;", which stands before the header and names the delimiter.
struct SepLine {
  char delimiter = ',';
  size_t size = 0;  // bytes up to the end of the line
};
// The one that `text` begins with, if it does.
std::optional<SepLine> FindSepLine(std::string_view text);

// What separates the cells of the record that `text` begins with.
struct DelimiterGuess {
  char delimiter = '\0';      // '\0': the record has one cell
  bool tab_is_equal = false;  // as many tabs as delimiters
};

// The one of comma, tab, semicolon and bar that occurs most often outside of quotes, the first of
// them if several do. `columns`: the number of cells if it is known, else 0; a delimiter that gives
// as many goes first.
DelimiterGuess GuessDelimiter(std::string_view text, char quote, size_t columns = 0);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_CSV_DIALECT_H_
