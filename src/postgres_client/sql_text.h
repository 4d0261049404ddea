// Names and texts inside of SQL.
#ifndef MILLRACE_POSTGRES_CLIENT_SQL_TEXT_H_
#define MILLRACE_POSTGRES_CLIENT_SQL_TEXT_H_

#include <string>
#include <string_view>

namespace millrace::postgres {

// `name` as a quoted identifier.
inline std::string QuoteName(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + '"';
}

// `text` as a string literal, whatever standard_conforming_strings is. It holds no NUL.
inline std::string QuoteText(std::string_view text) {
  std::string quoted = text.find('\\') == std::string_view::npos ? "'" : "E'";
  for (const char c : text) quoted.append(c == '\'' || c == '\\' ? 2 : 1, c);
  return quoted + '\'';
}

// A table by its quoted schema and name.
inline std::string QuoteTable(std::string_view schema, std::string_view table) {
  return QuoteName(schema) + '.' + QuoteName(table);
}

}  // namespace millrace::postgres

#endif  // MILLRACE_POSTGRES_CLIENT_SQL_TEXT_H_
