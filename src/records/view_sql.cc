#include "records/view_sql.h"

#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/str_replace.h"
#include "base/strings.h"
#include "records/profile_view.h"

namespace millrace {
namespace {

// What SDKs send beside an operation, as it is called in `properties`. A property of that name is
// not told from it.
constexpr std::string_view kReserved[] = {"time",
                                          "mp_metadata",
                                          "ignore_time",
                                          "ignore_alias",
                                          "device_id",
                                          "user_id",
                                          "had_persisted_distinct_id"};

std::string QuoteName(SqlDialect dialect, std::string_view name) {
  if (dialect == SqlDialect::kBigQuery) return StrCat("`", name, "`");  // names have no backticks
  return StrCat("\"", absl::StrReplaceAll(ToAbsl(name), {{"\"", "\"\""}}), "\"");
}

std::string QuoteText(SqlDialect dialect, std::string_view text) {
  if (dialect == SqlDialect::kBigQuery || dialect == SqlDialect::kSnowflake) {
    return StrCat("'", absl::StrReplaceAll(ToAbsl(text), {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
  }
  const bool escaped = text.find('\\') != std::string_view::npos;
  return StrCat(escaped ? "E'" : "'",
                absl::StrReplaceAll(ToAbsl(text), {{"\\", "\\\\"}, {"'", "''"}}), "'");
}

std::string ColumnList(SqlDialect dialect, const TableForm& form) {
  std::string list;
  for (const Column& column : form.columns()) {
    StrAppend(&list, list.empty() ? "" : ", ", QuoteName(dialect, column.name));
  }
  return list;
}

// Mixpanel's own key for repeats, and the project; of several, the last one counts there too. An
// event without an id is never a repeat.
std::string DedupeQuery(SqlDialect dialect, const TableForm& form, std::string_view table) {
  // Names without quotes are in upper case there, as its columns are.
  if (dialect == SqlDialect::kSnowflake) {
    return StrCat(
        "SELECT * FROM ", table,
        "\nQUALIFY row_number() OVER (PARTITION BY token, event, distinct_id, event_time, "
        "insert_id\n  ORDER BY insert_time DESC) = 1 OR insert_id IS NULL");
  }
  return StrCat("SELECT ", ColumnList(dialect, form),
                "\nFROM (\n  SELECT *, row_number() OVER (PARTITION BY token, event, distinct_id, "
                "event_time, insert_id\n    ORDER BY insert_time DESC) AS millrace_repeat\n  FROM ",
                table, ") AS numbered\nWHERE millrace_repeat = 1 OR insert_id IS NULL");
}

std::string ReservedNames(SqlDialect dialect, const TableForm& form) {
  std::string list;
  const auto add = [&](std::string_view name) {
    StrAppend(&list, list.empty() ? "" : ", ", QuoteText(dialect, name));
  };
  for (const std::string_view name : kReserved) {
    add(name);
    add(StrCat("$", name));
  }
  for (const Column& column : form.extra_columns()) add(StrCat("$", column.name));
  return list;
}

// The object with the values of the requested columns put back. A column may have come from $NAME.
std::string PostgresObject(const TableForm& form) {
  std::string object =
      "CASE WHEN jsonb_typeof(properties::jsonb) = 'object' THEN properties::jsonb ELSE '{}' END";
  for (const Column& column : form.extra_columns()) {
    const std::string name = QuoteName(SqlDialect::kPostgres, column.name);
    const std::string key = QuoteText(SqlDialect::kPostgres, column.name);
    const std::string twin = QuoteText(SqlDialect::kPostgres, StrCat("$", column.name));
    std::string value = StrCat("to_jsonb(", name, ")");
    if (column.type == ColumnType::kTime) {
      value = StrCat("to_jsonb(to_char(", name,
                     " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'))");
    } else if (column.type == ColumnType::kJson) {
      value = StrCat(name, "::jsonb");
    }
    StrAppend(&object, "\n    || CASE WHEN ", name, " IS NOT NULL THEN jsonb_build_object(", key,
              ", ", value, ")\n      WHEN properties::jsonb ? ", twin, " THEN jsonb_build_object(",
              key, ", properties::jsonb -> ", twin, ") ELSE '{}' END");
  }
  return object;
}

std::string UnsetName(SqlDialect dialect, const TableForm& form) {
  if (form.extra_columns().empty()) return "member.name";
  std::string expression = "CASE member.name";
  for (const Column& column : form.extra_columns()) {
    StrAppend(&expression, " WHEN ", QuoteText(dialect, StrCat("$", column.name)), " THEN ",
              QuoteText(dialect, column.name));
  }
  return expression + " ELSE member.name END";
}

}  // namespace

std::string ViewName(RecordType type, std::string_view table) {
  return StrCat(table, type == RecordType::kEvent ? "_deduped" : "_current");
}

std::optional<std::string> ViewQuery(SqlDialect dialect, const TableForm& form,
                                     std::string_view table) {
  if (form.record_type() == RecordType::kEvent) return DedupeQuery(dialect, form, table);
  if (dialect != SqlDialect::kPostgres) return std::nullopt;
  const bool is_user = form.record_type() == RecordType::kUser;
  return absl::StrReplaceAll(
      kPostgresProfileView,
      {{"{ids}", is_user ? "token, distinct_id" : "token, group_key, group_id"},
       {"{table}", ToAbsl(table)},
       {"{object}", PostgresObject(form)},
       {"{unset_name}", UnsetName(dialect, form)},
       {"{reserved}", ReservedNames(dialect, form)}});
}

}  // namespace millrace
