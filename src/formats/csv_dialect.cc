#include "formats/csv_dialect.h"

#include <algorithm>
#include <array>

namespace millrace {
namespace {

constexpr std::string_view kDelimiters = ",\t;|";
using Counts = std::array<size_t, kDelimiters.size()>;

bool IsLineEnd(char c) { return c == '\n' || c == '\r'; }

// Counts each delimiter in the first record; nullopt if a quote is still open at the end of `text`.
std::optional<Counts> CountDelimiters(std::string_view text, char quote) {
  Counts counts = {};
  bool quoted = false;
  bool at_cell_start = true;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (quoted) {
      if (c != quote) continue;
      const bool doubled = at + 1 < text.size() && text[at + 1] == quote;
      quoted = doubled;
      at += doubled ? 1 : 0;
      continue;
    }
    if (IsLineEnd(c)) return counts;
    const size_t kind = kDelimiters.find(c);
    if (kind != std::string_view::npos) ++counts[kind];
    quoted = at_cell_start && quote != kNoQuote && c == quote;
    at_cell_start = kind != std::string_view::npos;
  }
  if (quoted) return std::nullopt;
  return counts;
}

}  // namespace

std::optional<SepLine> FindSepLine(std::string_view text) {
  const std::string_view line = text.substr(0, std::min(text.find_first_of("\r\n"), text.size()));
  std::string_view inside = line;
  if (inside.size() >= 2 && inside.front() == '"' && inside.back() == '"') {
    inside = inside.substr(1, inside.size() - 2);
  }
  constexpr std::string_view kSep = "sep=";
  if (inside.size() != kSep.size() + 1) return std::nullopt;
  for (size_t i = 0; i < kSep.size(); ++i) {
    const char c = inside[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) != kSep[i]) {
      return std::nullopt;
    }
  }
  const char delimiter = inside.back();
  if (delimiter == '"' || static_cast<unsigned char>(delimiter) >= 0x80) return std::nullopt;
  return SepLine{delimiter, line.size()};
}

DelimiterGuess GuessDelimiter(std::string_view text, char quote, size_t columns) {
  std::optional<Counts> counted = CountDelimiters(text, quote);
  if (!counted) counted = CountDelimiters(text, kNoQuote);
  const Counts counts = counted.value_or(Counts{});
  size_t best = 0;
  for (size_t i = 1; i < counts.size(); ++i) {
    if (counts[i] > counts[best]) best = i;
  }
  for (size_t i = 0; columns > 1 && i < counts.size(); ++i) {
    if (counts[i] + 1 == columns) {
      best = i;
      break;
    }
  }
  if (counts[best] == 0) return {};
  return {kDelimiters[best], counts[kDelimiters.find('\t')] == counts[best]};
}

}  // namespace millrace
