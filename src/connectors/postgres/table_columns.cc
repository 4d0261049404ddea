#include "connectors/postgres/table_columns.h"

#include <algorithm>
#include <map>

#include "base/status.h"
#include "base/strings.h"
#include "postgres_client/sql_text.h"

namespace millrace::postgres {
namespace {

// Whether a column of the type `actual`, as format_type() writes it, takes the texts of `type`.
bool Takes(ColumnType type, std::string_view actual) {
  const auto is_one_of = [&](std::initializer_list<std::string_view> types) {
    return std::find(types.begin(), types.end(), actual) != types.end();
  };
  switch (type) {
    case ColumnType::kText:
      return is_one_of({"text", "character varying", "citext", "uuid"});
    case ColumnType::kInteger:
      return is_one_of({"bigint", "integer", "numeric", "text"});
    case ColumnType::kNumber:
      return is_one_of({"double precision", "numeric", "text"});
    case ColumnType::kBoolean:
      return is_one_of({"boolean", "text"});
    case ColumnType::kTime:
      return is_one_of({"timestamp with time zone", "timestamp without time zone"});
    case ColumnType::kJson:
      return is_one_of({"jsonb", "json", "text"});
  }
  return false;
}

}  // namespace

std::string_view SqlType(ColumnType type) {
  switch (type) {
    case ColumnType::kText:
      return "text";
    case ColumnType::kInteger:
      return "bigint";
    case ColumnType::kNumber:
      return "double precision";
    case ColumnType::kBoolean:
      return "boolean";
    case ColumnType::kTime:
      return "timestamptz";
    case ColumnType::kJson:
      return "jsonb";
  }
  return "text";
}

std::vector<TableColumn> ColumnsOf(Form form, const TableForm& table_form) {
  if (form != Form::kTable) {
    return {{"record", ColumnType::kJson, true, false},
            {"insert_time", ColumnType::kTime, true, false}};
  }
  std::vector<TableColumn> columns;
  const size_t standard = table_form.standard_columns();
  for (const Column& column : table_form.columns()) {
    const bool extra = columns.size() >= standard;
    columns.push_back({column.name, column.type, !extra && column.name == "insert_time", extra});
  }
  return columns;
}

absl::StatusOr<std::vector<TableProblem>> FindProblems(Connection& connection,
                                                       const TableName& table,
                                                       const std::vector<TableColumn>& columns,
                                                       bool partitioned,
                                                       const std::stop_token& stop) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      connection.Query(
          StrCat(
              "SELECT attname, format_type(atttypid, NULL), attnotnull AND NOT atthasdef AND "
              "attidentity = '', relkind, attgenerated <> '', row_security_active(c.oid), EXISTS "
              "(SELECT 1 FROM pg_trigger WHERE tgrelid = c.oid AND tgtype & 64 <> 0), atttypmod "
              "FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE attrelid = "
              "to_regclass(",
              QuoteText(table.Quoted()), ") AND attnum > 0 AND NOT attisdropped"),
          stop));
  if (rows.size() == 0) return absl::NotFoundError(StrCat("there is no table ", table.Text()));
  std::vector<TableProblem> problems;
  // Ordinary, partitioned and foreign tables, and views with an INSTEAD OF trigger.
  const std::string_view kind = rows.Text(0, 3);
  if (kind != "r" && kind != "p" && kind != "f" && !(kind == "v" && rows.True(0, 6))) {
    return std::vector<TableProblem>{{StrCat(table.Text(), " is not a table that COPY can fill"),
                                      "name a table, or give the view an INSTEAD OF trigger"}};
  }
  if (rows.True(0, 5)) {
    problems.push_back(
        {StrCat("the table ", table.Text(), " has row-level security for this role"),
         StrCat("import as the owner of ", table.Quoted(), ", or as a role with BYPASSRLS")});
  }
  if (partitioned && rows.Text(0, 3) != "p") {
    problems.push_back({StrCat("the table ", table.Text(), " exists and is not partitioned"),
                        "leave partition=day out, or name another table"});
  }
  const std::string alter = StrCat("ALTER TABLE ", table.Quoted());
  std::map<std::string, size_t, std::less<>> others;
  for (size_t row = 0; row < rows.size(); ++row) others.emplace(rows.Text(row, 0), row);
  for (const TableColumn& column : columns) {
    const auto actual = others.find(column.name);
    if (actual == others.end()) {
      problems.push_back(
          {StrCat("the table ", table.Text(), " has no column ", column.name),
           StrCat(alter, " ADD COLUMN ", QuoteName(column.name), " ", SqlType(column.type)),
           column.extra});
      continue;
    }
    const std::string_view type = rows.Text(actual->second, 1);
    if (!Takes(column.type, type)) {
      problems.push_back(
          {StrCat("the column ", column.name, " of the table ", table.Text(), " has the type ",
                  type, " and should have the type ", SqlType(column.type)),
           "change its type, or name another table"});
    }
    // The time of the insert is not the source's.
    const std::string_view digits = rows.Text(actual->second, 7);
    const bool is_coarse = digits == "0" || digits == "1" || digits == "2";
    if (column.type == ColumnType::kTime && column.name != "insert_time" && is_coarse) {
      problems.push_back({StrCat("the column ", column.name, " of the table ", table.Text(),
                                 " rounds times to less than milliseconds"),
                          StrCat(alter, " ALTER COLUMN ", QuoteName(column.name), " TYPE ", type)});
    }
    if (rows.True(actual->second, 4)) {
      problems.push_back({StrCat("the column ", column.name, " of the table ", table.Text(),
                                 " is generated, and Millrace fills it"),
                          "drop the column or its expression, or name another table"});
    }
    others.erase(actual);
  }
  for (const auto& [column, row] : others) {
    if (!rows.True(row, 2) || rows.True(row, 4)) continue;
    problems.push_back({StrCat("the column ", column, " of the table ", table.Text(),
                               " is NOT NULL, has no default, and Millrace does not fill it"),
                        StrCat(alter, " ALTER COLUMN ", QuoteName(column), " DROP NOT NULL")});
  }
  return problems;
}

}  // namespace millrace::postgres
