// Names and texts inside of Snowflake's SQL.
#ifndef MILLRACE_CONNECTORS_SNOWFLAKE_SQL_TEXT_H_
#define MILLRACE_CONNECTORS_SNOWFLAKE_SQL_TEXT_H_

#include <string>
#include <string_view>

#include "records/snowflake_name.h"

namespace millrace::snowflake {

// `name` as a quoted identifier.
inline std::string QuoteName(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + '"';
}

// `text` as a string literal: '...' with escapes, or $$...$$, which needs none, if it is long.
inline std::string QuoteText(std::string_view text) {
  constexpr size_t kLong = 256;
  const bool has_dollars = text.find("$$") != std::string_view::npos || text.ends_with('$');
  if (text.size() > kLong && !has_dollars) return "$$" + std::string(text) + "$$";
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '\'';
}

// The pattern of LIKE and SHOW ... LIKE that only `name` matches, but for upper and lower case.
inline std::string LikePattern(std::string_view name) {
  std::string pattern;
  for (const char c : name) {
    if (c == '_' || c == '%' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern;
}

inline std::string FoldName(std::string_view name) { return FoldSnowflakeName(name); }

}  // namespace millrace::snowflake

#endif  // MILLRACE_CONNECTORS_SNOWFLAKE_SQL_TEXT_H_
