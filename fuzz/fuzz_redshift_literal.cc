// Text in Redshift's SQL: whatever the text is, a literal is read back as it, by servers that take
// a backslash for an escape and by those that do not, and nothing of it ends the literal early.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "connectors/redshift/redshift_dialect.h"
#include "require.h"

namespace millrace::redshift {
namespace {

// What a server reads at the start of `sql`, which it takes off; nullopt: no literal.
std::optional<std::string> TakeLiteral(std::string_view& sql, bool escapes) {
  if (!sql.starts_with('\'')) return std::nullopt;
  std::string text;
  for (size_t at = 1; at < sql.size(); ++at) {
    if (sql[at] == '\'') {
      if (at + 1 < sql.size() && sql[at + 1] == '\'') {
        text += sql[++at];
        continue;
      }
      sql.remove_prefix(at + 1);
      return text;
    }
    if (sql[at] == '\\' && escapes) ++at;
    if (at < sql.size()) text += sql[at];
  }
  return std::nullopt;
}

// The value of 'a' or ('a' || CHR(92) || 'b' ...).
std::optional<std::string> Read(std::string_view sql, bool escapes) {
  const bool is_expression = sql.starts_with('(');
  if (is_expression) sql.remove_prefix(1);
  std::optional<std::string> text = TakeLiteral(sql, escapes);
  constexpr std::string_view kBackslash = " || CHR(92) || ";
  while (text && is_expression && sql.starts_with(kBackslash)) {
    sql.remove_prefix(kBackslash.size());
    const std::optional<std::string> next = TakeLiteral(sql, escapes);
    if (!next) return std::nullopt;
    *text += "\\" + *next;
  }
  return sql == (is_expression ? ")" : "") ? text : std::nullopt;
}

}  // namespace
}  // namespace millrace::redshift

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  using namespace millrace::redshift;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Require(Read(QuoteLiteral(text, Backslash::kEscape), true) == text);
  Require(Read(QuoteLiteral(text, Backslash::kPlain), false) == text);
  for (const bool escapes : {false, true}) {
    Require(Read(QuoteLiteral(text, Backslash::kUnknown), escapes) == text);
  }
  return 0;
}
