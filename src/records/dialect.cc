#include "records/dialect.h"

#include <cstring>

#include "base/strings.h"

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
  return std::nullopt;
}

std::optional<Misfit> FindMisfit(const Dialect& dialect, const TableForm& form, TableRow row) {
  for (size_t i = 0; i < row.size(); ++i) {
    if (row[i].is_null) continue;
    const Column& column = form.columns()[i];
    std::optional<Misfit> misfit;
    if (column.type == ColumnType::kText) {
      misfit = FindTextMisfit(dialect, column.name, row[i].text);
    } else if (column.type == ColumnType::kJson) {
      misfit = FindJsonMisfit(dialect, column.name, row[i].text);
    } else if (column.type == ColumnType::kTime) {
      misfit = FindTimeMisfit(dialect, column.name, row[i].integer);
    }
    if (misfit) return misfit;
  }
  return std::nullopt;
}

}  // namespace millrace
