#include "connectors/snowflake/table_columns.h"

#include <algorithm>
#include <initializer_list>
#include <map>

#include "base/strings.h"
#include "connectors/snowflake/sql_text.h"

namespace millrace::snowflake {
namespace {

// What INFORMATION_SCHEMA says of a column.
struct FoundColumn {
  std::string type;  // DATA_TYPE
  bool is_nullable = true;
  bool has_default = false;
  int scale = 0;           // of numbers
  int time_precision = 9;  // digits of seconds
};

bool IsOneOf(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool Takes(ColumnType type, const FoundColumn& found) {
  switch (type) {
    case ColumnType::kText:
      return found.type == "TEXT";
    case ColumnType::kInteger:
      return (found.type == "NUMBER" && found.scale == 0) || found.type == "DECFLOAT";
    case ColumnType::kNumber:
      return found.type == "FLOAT";
    case ColumnType::kBoolean:
      return found.type == "BOOLEAN";
    case ColumnType::kTime:
      return IsOneOf(found.type, {"TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP_TZ"});
    case ColumnType::kJson:
      return found.type == "VARIANT";
  }
  return false;
}

// Milliseconds of events; insert_time may be coarser.
bool KeepsTime(const TableColumn& column, const FoundColumn& found) {
  return column.type != ColumnType::kTime || column.required || found.time_precision >= 3;
}

int NumberOr(const std::optional<std::string>& text, int otherwise) {
  if (!text || text->empty() || text->size() > 4) return otherwise;
  int number = 0;
  for (const char c : *text) {
    if (c < '0' || c > '9') return otherwise;
    number = number * 10 + (c - '0');
  }
  return number;
}

std::map<std::string, FoundColumn> ReadColumns(const SqlRows& rows) {
  std::map<std::string, FoundColumn> columns;
  for (const auto& row : rows) {
    if (row.size() < 6 || !row[0]) continue;
    columns[*row[0]] = {.type = row[1].value_or(""),
                        .is_nullable = row[2].value_or("YES") != "NO",
                        .has_default = row[3].has_value(),
                        .scale = NumberOr(row[4], 0),
                        .time_precision = NumberOr(row[5], 9)};
  }
  return columns;
}

}  // namespace

std::vector<TableColumn> ColumnsOf(const TableForm& form) {
  std::vector<TableColumn> columns;
  for (size_t i = 0; i < form.columns().size(); ++i) {
    const Column& column = form.columns()[i];
    columns.push_back({.name = FoldName(column.name),
                       .type = column.type,
                       .required = column.name == "insert_time",
                       .extra = i >= form.standard_columns()});
  }
  return columns;
}

std::string_view SqlType(ColumnType type) {
  switch (type) {
    case ColumnType::kText:
      return "VARCHAR";
    case ColumnType::kInteger:
      return "NUMBER(38,0)";
    case ColumnType::kNumber:
      return "FLOAT";
    case ColumnType::kBoolean:
      return "BOOLEAN";
    case ColumnType::kTime:
      return "TIMESTAMP_NTZ(6)";
    case ColumnType::kJson:
      return "VARIANT";
  }
  return "VARCHAR";
}

std::string DescribeSql(std::string_view database, std::string_view schema,
                        std::string_view table) {
  return StrCat(
      "SELECT COLUMN_NAME, DATA_TYPE, IS_NULLABLE, COLUMN_DEFAULT, NUMERIC_SCALE, "
      "DATETIME_PRECISION FROM ",
      QuoteName(database), ".INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = ", QuoteText(schema),
      " AND TABLE_NAME = ", QuoteText(table), " ORDER BY ORDINAL_POSITION");
}

std::vector<TableProblem> FindProblems(const SqlRows& found, const std::vector<TableColumn>& wanted,
                                       const std::string& table) {
  std::map<std::string, FoundColumn> columns = ReadColumns(found);
  std::vector<TableProblem> problems;
  for (const TableColumn& column : wanted) {
    const std::string name = QuoteName(column.name);
    const auto there = columns.find(column.name);
    if (there == columns.end()) {
      problems.push_back(
          {StrCat(table, " has no column ", name),
           StrCat("ALTER TABLE ", table, " ADD COLUMN ", name, " ", SqlType(column.type)),
           column.extra});
      continue;
    }
    if (!Takes(column.type, there->second)) {
      problems.push_back({StrCat("the column ", name, " of ", table, " is ", there->second.type,
                                 ", not ", SqlType(column.type)),
                          "name another table, or drop the column so that it can be added"});
    } else if (!KeepsTime(column, there->second)) {
      problems.push_back({StrCat("the column ", name, " of ", table, " keeps ",
                                 there->second.time_precision, " digits of a second, not 3"),
                          "name another table, or drop the column so that it can be added"});
    }
    columns.erase(there);
  }
  for (const auto& [name, column] : columns) {
    if (column.is_nullable || column.has_default) continue;
    problems.push_back(
        {StrCat("the column ", QuoteName(name), " of ", table, " is NOT NULL without a default"),
         StrCat("ALTER TABLE ", table, " ALTER COLUMN ", QuoteName(name), " DROP NOT NULL")});
  }
  return problems;
}

}  // namespace millrace::snowflake
