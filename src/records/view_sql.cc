#include "records/view_sql.h"

#include "absl/strings/str_replace.h"
#include "base/strings.h"
#include "records/profile_view.h"
#include "records/snowflake_name.h"

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

// The member of `properties` with a name; NULL if there is none.
std::string MemberSql(SqlDialect dialect, std::string_view name) {
  if (dialect == SqlDialect::kBigQuery) {
    return StrCat("properties[", QuoteText(dialect, name), "]");
  }
  const bool is_plain = name.find_first_of("\"\\") == std::string_view::npos;
  return is_plain ? StrCat("properties:\"", name, "\"")
                  : StrCat("GET(properties, ", QuoteText(dialect, name), ")");
}

// The value of a requested column, which is not NULL, as JSON.
std::string ValueSql(SqlDialect dialect, std::string_view column, ColumnType type) {
  const bool is_bigquery = dialect == SqlDialect::kBigQuery;
  if (type == ColumnType::kJson) return std::string(column);
  std::string value(column);
  if (type == ColumnType::kTime) {
    value = is_bigquery ? StrCat("FORMAT_TIMESTAMP('%Y-%m-%dT%H:%M:%E6SZ', ", column, ")")
                        : StrCat("TO_VARCHAR(", column, R"(, 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'))");
  }
  return StrCat(is_bigquery ? "TO_JSON(" : "TO_VARIANT(", value, ")");
}

std::string UnsetName(SqlDialect dialect, const TableForm& form) {
  const std::string name = dialect == SqlDialect::kBigQuery    ? "JSON_VALUE(member)"
                           : dialect == SqlDialect::kSnowflake ? "member.value::VARCHAR"
                                                               : "member.name";
  if (form.extra_columns().empty()) return name;
  std::string expression = StrCat("CASE ", name);
  for (const Column& column : form.extra_columns()) {
    StrAppend(&expression, " WHEN ", QuoteText(dialect, StrCat("$", column.name)), " THEN ",
              QuoteText(dialect, column.name));
  }
  return StrCat(expression, " ELSE ", name, " END");
}

// Requested columns are changes of their own: of the column's value, or of what $NAME has.
void AddColumns(SqlDialect dialect, const TableForm& form, ProfileTable& table) {
  const bool is_snowflake = dialect == SqlDialect::kSnowflake;
  int number = 0;
  for (const Column& column : form.extra_columns()) {
    const std::string alias = StrCat("column_", ++number);
    const std::string in_table = is_snowflake ? FoldSnowflakeName(column.name) : column.name;
    const std::string name = QuoteText(dialect, column.name);
    const std::string twin = MemberSql(dialect, StrCat("$", column.name));
    const std::string there = StrCat("(", alias, " IS NOT NULL OR ", twin, " IS NOT NULL)");
    StrAppend(&table.columns, ", ", QuoteName(dialect, in_table), " AS ", alias);
    StrAppend(&table.column_filter, "\n    AND NOT (", is_snowflake ? "member.key" : "name", " = ",
              name, " AND ", there, ")");
    StrAppend(&table.column_changes, "\n  UNION ALL\n  SELECT {ids}, n, operation, ", name,
              ",\n    CASE WHEN ", alias, " IS NOT NULL THEN ",
              ValueSql(dialect, alias, column.type), " ELSE ", twin, " END\n  FROM alive WHERE ",
              there,
              "\n    AND operation IN ('$set', '$set_once', '$add', '$append', '$union', "
              "'$remove')");
  }
}

std::string ProfileQuery(SqlDialect dialect, const TableForm& form, std::string_view table) {
  const bool is_user = form.record_type() == RecordType::kUser;
  const std::string ids = is_user ? "token, distinct_id" : "token, group_key, group_id";
  ProfileTable parts{.ids = ids,
                     .table = std::string(table),
                     .object = {},
                     .columns = {},
                     .reserved = ReservedNames(dialect, form),
                     .unset_name = UnsetName(dialect, form),
                     .column_changes = {},
                     .column_filter = {}};
  if (dialect == SqlDialect::kPostgres) {
    parts.object = PostgresObject(form);
    return ProfileViewQuery(kPostgresProfileSql, parts);
  }
  AddColumns(dialect, form, parts);
  parts.column_changes = absl::StrReplaceAll(parts.column_changes, {{"{ids}", ids}});
  if (dialect == SqlDialect::kBigQuery) {
    parts.object = "IF(STARTS_WITH(TO_JSON_STRING(properties), '{'), properties, JSON '{}')";
    return ProfileViewQuery(kBigQueryProfileSql, parts);
  }
  parts.object = "IFF(STARTSWITH(TO_JSON(properties), '{'), properties, PARSE_JSON('{}'))";
  return ProfileViewQuery(kSnowflakeProfileSql, parts);
}

}  // namespace

std::string ViewName(RecordType type, std::string_view table) {
  return StrCat(table, type == RecordType::kEvent ? "_deduped" : "_current");
}

std::optional<std::string> ViewQuery(SqlDialect dialect, const TableForm& form,
                                     std::string_view table) {
  if (form.record_type() == RecordType::kEvent) return DedupeQuery(dialect, form, table);
  // Redshift has no aggregate that makes SUPER values.
  if (dialect == SqlDialect::kRedshift) return std::nullopt;
  return ProfileQuery(dialect, form, table);
}

}  // namespace millrace
