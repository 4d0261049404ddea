#include "connectors/snowflake/sql_rows.h"

#include "base/byte_buffer.h"
#include "base/json_writer.h"
#include "base/strings.h"
#include "connectors/snowflake/bookkeeping.h"
#include "connectors/snowflake/sql_client.h"
#include "connectors/snowflake/sql_text.h"

namespace millrace::snowflake {
namespace {

// Element `at` of "value", as a value of the column's type. A JSON null is NULL.
std::string CellSql(const TableColumn& column, size_t at) {
  const std::string cell = StrCat("value[", at, "]");
  switch (column.type) {
    case ColumnType::kText:
      return cell + "::VARCHAR";
    case ColumnType::kInteger:
      return cell + "::NUMBER(38,0)";
    case ColumnType::kNumber:
      return cell + "::FLOAT";
    case ColumnType::kBoolean:
      return cell + "::BOOLEAN";
    case ColumnType::kTime:
      return StrCat("TO_TIMESTAMP_NTZ(", cell, "::NUMBER(38,0), 6)");
    case ColumnType::kJson:
      return StrCat("STRIP_NULL_VALUE(", cell, ")");
  }
  return cell;
}

// Writes "$$" in `out` from `begin` so that it does not end a literal in dollars: as JSON escapes.
void EscapeDollars(size_t begin, std::string& out) {
  for (size_t at = out.find("$$", begin); at != std::string::npos; at = out.find("$$", at)) {
    out.replace(at, 1, "\\u0024");
  }
}

}  // namespace

void AppendJsonRow(std::string_view first, const TableForm& form, TableRow row, std::string& out) {
  out += '[';
  out += first;
  for (size_t i = 0; i < row.size(); ++i) {
    out += ',';
    const Cell& cell = row[i];
    if (cell.is_null) {
      out += "null";
      continue;
    }
    switch (form.columns()[i].type) {
      case ColumnType::kText:
        AppendJsonString(out, cell.text);
        break;
      case ColumnType::kJson:
      case ColumnType::kNumber:
        out += cell.text;
        break;
      case ColumnType::kInteger:
      case ColumnType::kTime:
        StrAppend(&out, cell.integer);
        break;
      case ColumnType::kBoolean:
        out += cell.integer != 0 ? "true" : "false";
        break;
    }
  }
  out += ']';
}

SnowflakeDialect::SnowflakeDialect(const SnowflakeSpec& spec, const TargetTable& table)
    : table_(table),
      lock_(LockSql(spec)),
      writers_(spec.QuotedTable(kWritersTable)),
      delivered_(spec.QuotedTable(kDeliveredTable)) {
  for (size_t i = 0; i < table.columns().size(); ++i) {
    StrAppend(&select_, i == 0 ? "" : ", ", CellSql(table.columns()[i], i + 1));
  }
}

std::string SnowflakeDialect::QuoteText(std::string_view text) const {
  return snowflake::QuoteText(text);
}

void SnowflakeDialect::AppendRow(size_t span, const TableForm& form, TableRow row,
                                 std::string& out) const {
  const size_t begin = out.size();
  AppendJsonRow(StrCat(span), form, row, out);
  EscapeDollars(begin, out);
}

// 'd': of repeated keys the last one counts, as in records.
std::string SnowflakeDialect::InsertSql(std::string_view rows, std::string_view open) const {
  std::string sql =
      StrCat("INSERT INTO ", table_.quoted(), " (", table_.column_list(), ") SELECT ", select_,
             " FROM TABLE(FLATTEN(INPUT => PARSE_JSON(", "$$[", rows, "]$$, 'd')))");
  if (!open.empty()) StrAppend(&sql, " WHERE value[0]::NUMBER(38,0) IN (", open, ")");
  return sql;
}

}  // namespace millrace::snowflake
