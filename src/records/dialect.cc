#include "records/dialect.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/strings.h"
#include "records/exact_number.h"

namespace millrace {
namespace {

constexpr std::string_view kNulEscape = "u0000";

bool HasNul(std::string_view text) {
  return !text.empty() && std::memchr(text.data(), '\0', text.size()) != nullptr;
}

// Whether a string in `json` contains the escape of U+0000.
bool HasNulEscape(std::string_view json) {
  size_t slash = json.find('\\');
  while (slash != std::string_view::npos) {
    if (json.substr(slash + 1, kNulEscape.size()) == kNulEscape) return true;
    slash = json.find('\\', slash + 2);
  }
  return false;
}

template <typename Integer>
bool IsInteger(std::string_view number) {
  Integer value = 0;
  const char* const end = number.data() + number.size();
  const auto [stop, error] = std::from_chars(number.data(), end, value);
  return error == std::errc() && stop == end;
}

// Whether `number` has at most `max` digits and no exponent.
bool IsDecimal(std::string_view number, size_t max) {
  size_t digits = 0;
  for (const char c : number) {
    if (c == 'e' || c == 'E') return false;
    digits += c >= '0' && c <= '9';
  }
  return digits <= max;
}

// The end of the string of JSON that begins at `at`.
size_t EndOfString(std::string_view json, size_t at) {
  for (++at; at < json.size() && json[at] != '"';) at += json[at] == '\\' ? 2 : 1;
  return at + 1;
}

// The bytes of the first string in `json` that is longer than `max`, without its quotes and as it
// is written; 0: none.
size_t FindLongString(std::string_view json, size_t max) {
  if (json.size() <= max) return 0;
  for (size_t at = 0; (at = json.find('"', at)) != std::string_view::npos;) {
    const size_t end = EndOfString(json, at);
    if (end - at - 2 > max) return end - at - 2;
    at = end;
  }
  return 0;
}

// The first number in `json` that is neither a 64-bit integer nor a double nor a decimal of up to
// `max_json_digits` digits; empty: none.
std::string_view FindWideNumber(std::string_view json, const Dialect& dialect) {
  constexpr std::string_view kNumber = "+-.0123456789Ee";
  for (size_t at = 0; at < json.size();) {
    if (json[at] == '"') {
      at = EndOfString(json, at);
    } else if (json[at] == '-' || (json[at] >= '0' && json[at] <= '9')) {
      const size_t end = std::min(json.find_first_not_of(kNumber, at), json.size());
      const std::string_view number = json.substr(at, end - at);
      const bool fits = FitsDouble(number) || IsInteger<int64_t>(number) ||
                        (!dialect.json_has_signed_only && IsInteger<uint64_t>(number)) ||
                        IsDecimal(number, dialect.max_json_digits);
      if (!fits) return number;
      at = end;
    } else {
      ++at;
    }
  }
  return {};
}

Misfit Nul(const Dialect& dialect, std::string_view field) {
  return {"nul_in_text", std::string(field),
          StrCat("\"", field, "\" contains the character U+0000, which ", dialect.name,
                 " cannot store; remove it from the source")};
}

Misfit TooLarge(const Dialect& dialect, std::string_view field, size_t bytes, size_t max) {
  return {"value_too_large", std::string(field),
          StrCat("\"", field, "\" has ", bytes, " bytes; ", dialect.name, " stores at most ", max)};
}

std::optional<Misfit> FindTextMisfit(const Dialect& dialect, std::string_view field,
                                     std::string_view text) {
  if (text.size() > dialect.max_text_bytes) {
    return TooLarge(dialect, field, text.size(), dialect.max_text_bytes);
  }
  if (!dialect.takes_nul && HasNul(text)) return Nul(dialect, field);
  return std::nullopt;
}

std::optional<Misfit> FindTimeMisfit(const Dialect& dialect, std::string_view field,
                                     int64_t micros) {
  if (micros >= dialect.min_time && micros <= dialect.max_time) return std::nullopt;
  return Misfit{"time_out_of_range", std::string(field),
                StrCat("\"", field, "\" is ", micros, " microseconds after 1970, which ",
                       dialect.name, " cannot store")};
}

}  // namespace

std::optional<Misfit> FindJsonMisfit(const Dialect& dialect, std::string_view field,
                                     std::string_view json) {
  if (json.size() > dialect.max_json_bytes) {
    return TooLarge(dialect, field, json.size(), dialect.max_json_bytes);
  }
  if (!dialect.takes_nul && HasNulEscape(json)) return Nul(dialect, field);
  if (const size_t bytes = FindLongString(json, dialect.max_json_string_bytes); bytes > 0) {
    return Misfit{"value_too_large", std::string(field),
                  StrCat("\"", field, "\" contains a string of ", bytes, " bytes; ", dialect.name,
                         " stores at most ", dialect.max_json_string_bytes)};
  }
  if (!dialect.json_has_doubles) return std::nullopt;
  const std::string_view number = FindWideNumber(json, dialect);
  if (number.empty()) return std::nullopt;
  return Misfit{"number_not_exact", std::string(field),
                StrCat("\"", field, "\" contains the number ", Shorten(number, 40), ", which ",
                       dialect.name, " would round; make it text in the source")};
}

std::optional<Misfit> FindMisfit(const Dialect& dialect, const TableForm& form, TableRow row) {
  for (size_t i = 0; i < row.size(); ++i) {
    if (row[i].is_null) continue;
    const Column& column = form.columns()[i];
    if (column.type == ColumnType::kText) {
      if (auto misfit = FindTextMisfit(dialect, column.name, row[i].text)) return misfit;
    } else if (column.type == ColumnType::kJson) {
      if (auto misfit = FindJsonMisfit(dialect, column.name, row[i].text)) return misfit;
    } else if (column.type == ColumnType::kTime) {
      if (auto misfit = FindTimeMisfit(dialect, column.name, row[i].integer)) return misfit;
    }
  }
  return std::nullopt;
}

}  // namespace millrace
