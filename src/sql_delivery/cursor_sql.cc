#include "sql_delivery/cursor_sql.h"

#include <charconv>
#include <utility>

#include "base/hash.h"
#include "base/strings.h"

namespace millrace::sql_delivery {
namespace {

constexpr std::string_view kForgottenWriter = "-";

std::string Sized(std::string_view text) { return StrCat(text.size(), ":", text); }

// The object whatever its config.
std::string ObjectHash(const LedgerKey& key) {
  return ToHex(HashBytes(StrCat(Sized(key.object), Sized(key.version), key.destination)));
}

std::string SpanRows(const SqlDialect& dialect, absl::Span<const PartSpan> spans) {
  std::string rows;
  for (const PartSpan& span : spans) {
    // Some databases do not know the type of a literal that is a column.
    StrAppend(&rows, rows.empty() ? "SELECT " : " UNION ALL SELECT ", span.span,
              " AS span_number, CAST('", span.object, "' AS VARCHAR(64)) AS object_key, CAST(",
              dialect.QuoteText(span.writer), " AS VARCHAR(1000)) AS writer, ",
              span.witness ? StrCat(*span.witness) : "-1", " AS witness");
  }
  return rows;
}

// The spans whose writer is the only one, each with the range that has its witness, if there is
// one.
std::string HeldSpansSql(const SqlDialect& dialect, absl::Span<const PartSpan> spans) {
  return StrCat(" FROM (", SpanRows(dialect, spans), ") s JOIN ", dialect.writers(),
                " w ON w.object_key = s.object_key AND w.writer = s.writer LEFT JOIN ",
                dialect.delivered(),
                " d ON d.object_key = s.object_key AND d.first_row <= s.witness AND "
                "d.end_row > s.witness");
}

// The result that ReadHeldSpans() reads.
std::string SelectHeldSpans(const std::string& held) {
  return StrCat("SELECT s.span_number, d.end_row", held);
}

std::string RangeRows(absl::Span<const PartSpan> spans) {
  std::string rows;
  for (const PartSpan& span : spans) {
    for (const auto& [begin, end] : span.ranges) {
      StrAppend(&rows, rows.empty() ? "SELECT " : " UNION ALL SELECT ", span.span,
                " AS span_number, CAST('", span.object, "' AS VARCHAR(64)) AS object_key, ", begin,
                " AS first_row, ", end, " AS end_row");
    }
  }
  return rows;
}

std::optional<uint64_t> ReadNumber(const std::vector<std::optional<std::string>>& row, size_t at) {
  if (at >= row.size() || !row[at]) return std::nullopt;
  uint64_t number = 0;
  const char* const end = row[at]->data() + row[at]->size();
  const auto [stop, error] = std::from_chars(row[at]->data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

// The condition that `writer` is the only one of the object.
std::string IsWriter(const SqlDialect& dialect, std::string_view object, std::string_view writer) {
  return StrCat("EXISTS (SELECT 1 FROM ", dialect.writers(), " WHERE object_key = '", object,
                "' AND writer = ", dialect.QuoteText(writer), ")");
}

// Deletes the writers of the clause `where`, and their ranges.
void AppendForget(const SqlDialect& dialect, const std::string& where, Script& script) {
  script.statements.push_back(StrCat("DELETE FROM ", dialect.delivered(),
                                     " WHERE object_key IN (SELECT object_key FROM ",
                                     dialect.writers(), where, ")"));
  script.statements.push_back(StrCat("DELETE FROM ", dialect.writers(), where));
}

}  // namespace

std::string WritersColumns(std::string_view text) {
  std::string columns;
  for (const char* name :
       {"object_key", "object_hash", "uri", "version", "destination", "config", "writer"}) {
    StrAppend(&columns, columns.empty() ? "" : ", ", name, " ", text, " NOT NULL");
  }
  return columns;
}

std::string DeliveredColumns(std::string_view text, std::string_view integer) {
  return StrCat("object_key ", text, " NOT NULL, first_row ", integer, " NOT NULL, end_row ",
                integer, " NOT NULL");
}

std::string ObjectKey(const LedgerKey& key) {
  return ToHex(
      HashBytes(StrCat(Sized(key.object), Sized(key.version), Sized(key.destination), key.config)));
}

Script StoreScript(const SqlDialect& dialect, absl::Span<const std::string_view> rows,
                   absl::Span<const PartSpan> spans) {
  Script script;
  if (spans.empty()) {
    for (const std::string_view piece : rows) {
      script.statements.push_back(dialect.InsertSql(piece, ""));
    }
    return script;
  }
  script.statements = dialect.LockStatements();
  const std::string held = HeldSpansSql(dialect, spans);
  const std::string open = StrCat("SELECT s.span_number", held, " WHERE d.object_key IS NULL");
  std::string guard = dialect.GuardSql(open, spans.size());
  if (!guard.empty()) {
    script.guard = script.statements.size();
    script.statements.push_back(std::move(guard));
  }
  for (const std::string_view piece : rows) {
    script.statements.push_back(dialect.InsertSql(piece, script.guard ? "" : open));
  }
  if (!script.guard) {
    script.result = script.statements.size();
    script.statements.push_back(SelectHeldSpans(held));
  }
  if (const std::string ranges = RangeRows(spans); !ranges.empty()) {
    std::string insert = StrCat("INSERT INTO ", dialect.delivered(),
                                " (object_key, first_row, end_row) SELECT r.object_key, "
                                "r.first_row, r.end_row FROM (",
                                ranges, ") r");
    if (!script.guard) StrAppend(&insert, " WHERE r.span_number IN (", open, ")");
    script.statements.push_back(std::move(insert));
  }
  return script;
}

Script HeldScript(const SqlDialect& dialect, absl::Span<const PartSpan> spans) {
  Script script{.statements = dialect.LockStatements()};
  script.result = script.statements.size();
  script.statements.push_back(SelectHeldSpans(HeldSpansSql(dialect, spans)));
  return script;
}

std::optional<std::vector<HeldSpan>> ReadHeldSpans(const TextRows& rows) {
  std::vector<HeldSpan> spans;
  for (const auto& row : rows) {
    const std::optional<uint64_t> span = ReadNumber(row, 0);
    const std::optional<uint64_t> end = ReadNumber(row, 1);
    const bool is_open = row.size() == 2 && !row[1];
    if (!span || (!end && !is_open)) return std::nullopt;
    spans.push_back({.span = *span, .there_until = end});
  }
  return spans;
}

Script RangesScript(const SqlDialect& dialect, absl::Span<const PartSpan> spans) {
  Script script{.statements = dialect.LockStatements()};
  script.result = script.statements.size();
  script.statements.push_back(StrCat("SELECT s.span_number, d.first_row, d.end_row FROM (",
                                     SpanRows(dialect, spans), ") s JOIN ", dialect.delivered(),
                                     " d ON d.object_key = s.object_key"));
  return script;
}

std::optional<std::vector<SpanRange>> ReadSpanRanges(const TextRows& rows) {
  std::vector<SpanRange> ranges;
  for (const auto& row : rows) {
    const std::optional<uint64_t> span = ReadNumber(row, 0);
    const std::optional<uint64_t> begin = ReadNumber(row, 1);
    const std::optional<uint64_t> end = ReadNumber(row, 2);
    if (!span || !begin || !end) return std::nullopt;
    ranges.push_back({.span = *span, .begin = *begin, .end = *end});
  }
  return ranges;
}

Script ClaimScript(const SqlDialect& dialect, const LedgerKey& key, std::string_view writer) {
  const std::string object = ObjectKey(key);
  Script script{.statements = dialect.LockStatements()};
  script.statements.push_back(
      StrCat("DELETE FROM ", dialect.writers(), " WHERE object_key = '", object, "'"));
  script.statements.push_back(
      StrCat("INSERT INTO ", dialect.writers(),
             " (object_key, object_hash, uri, version, destination, config, writer) SELECT '",
             object, "', '", ObjectHash(key), "', ", dialect.QuoteText(key.object), ", ",
             dialect.QuoteText(key.version), ", ", dialect.QuoteText(key.destination), ", ",
             dialect.QuoteText(key.config), ", ", dialect.QuoteText(writer)));
  script.result = script.statements.size();
  script.statements.push_back(StrCat("SELECT first_row, end_row FROM ", dialect.delivered(),
                                     " WHERE object_key = '", object, "' ORDER BY first_row"));
  return script;
}

std::optional<RowRanges> ReadRanges(const TextRows& rows) {
  RowRanges ranges;
  for (const auto& row : rows) {
    const std::optional<uint64_t> begin = ReadNumber(row, 0);
    const std::optional<uint64_t> end = ReadNumber(row, 1);
    if (!begin || !end) return std::nullopt;
    ranges.Add(*begin, *end);
  }
  return ranges;
}

Script MergeScript(const SqlDialect& dialect, const LedgerKey& key, std::string_view writer,
                   const RowRanges& ranges) {
  const std::string object = ObjectKey(key);
  const std::string is_writer = IsWriter(dialect, object, writer);
  Script script{.statements = dialect.LockStatements()};
  script.statements.push_back(StrCat("DELETE FROM ", dialect.delivered(), " WHERE object_key = '",
                                     object, "' AND ", is_writer));
  std::string rows;
  for (const auto& [begin, end] : ranges) {
    StrAppend(&rows, rows.empty() ? "SELECT " : " UNION ALL SELECT ", begin, " AS first_row, ", end,
              " AS end_row");
  }
  script.statements.push_back(
      StrCat("INSERT INTO ", dialect.delivered(), " (object_key, first_row, end_row) SELECT '",
             object, "', r.first_row, r.end_row FROM (", rows, ") r WHERE ", is_writer));
  return script;
}

Script ForgetScript(const SqlDialect& dialect, const LedgerKey& key) {
  const std::string of_object = StrCat(" WHERE object_hash = '", ObjectHash(key), "'");
  Script script{.statements = dialect.LockStatements()};
  AppendForget(dialect, of_object, script);
  return script;
}

Script ForgetAllScript(const SqlDialect& dialect, std::string_view destination) {
  Script script{.statements = dialect.LockStatements()};
  AppendForget(dialect, StrCat(" WHERE destination = ", dialect.QuoteText(destination)), script);
  return script;
}

Script ForgetAllIfScript(const SqlDialect& dialect, std::string_view destination,
                         std::string_view only_if) {
  const std::string of_destination =
      StrCat(" WHERE destination = ", dialect.QuoteText(destination));
  Script script{.statements = dialect.LockStatements()};
  // What the condition asks about may change between two statements; no writer has this name.
  script.statements.push_back(StrCat("UPDATE ", dialect.writers(), " SET writer = '",
                                     kForgottenWriter, "'", of_destination, " AND ", only_if));
  AppendForget(dialect, StrCat(of_destination, " AND writer = '", kForgottenWriter, "'"), script);
  return script;
}

}  // namespace millrace::sql_delivery
