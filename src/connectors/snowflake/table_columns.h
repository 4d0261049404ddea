// The columns that a table of records has to have in Snowflake.
#ifndef MILLRACE_CONNECTORS_SNOWFLAKE_TABLE_COLUMNS_H_
#define MILLRACE_CONNECTORS_SNOWFLAKE_TABLE_COLUMNS_H_

#include <string>
#include <string_view>
#include <vector>

#include "connectors/snowflake/sql_client.h"
#include "records/table_form.h"

namespace millrace::snowflake {

struct TableColumn {
  std::string name;  // as Snowflake stores it: FoldName() of the form's
  ColumnType type = ColumnType::kText;
  bool required = false;  // NOT NULL
  bool extra = false;     // requested by columns=
};

// In the order of the form's.
std::vector<TableColumn> ColumnsOf(const TableForm& form);

// As in CREATE TABLE. Times are in UTC: a TIMESTAMP_NTZ shows them as they are, whatever the time
// zone of the session.
std::string_view SqlType(ColumnType type);

// What prevents a table from being inserted into.
struct TableProblem {
  std::string message;
  std::string remedy;  // a statement, or what else to do
  bool is_missing_extra = false;
};

// The columns that a table has: those that DescribeSql() of the table selects.
std::string DescribeSql(std::string_view database, std::string_view schema, std::string_view table);

// Compares `found`, rows of DescribeSql(), with `wanted`. Columns that the table has besides are no
// problem unless they are NOT NULL without a default. `table` is quoted.
std::vector<TableProblem> FindProblems(const SqlRows& found, const std::vector<TableColumn>& wanted,
                                       const std::string& table);

}  // namespace millrace::snowflake

#endif  // MILLRACE_CONNECTORS_SNOWFLAKE_TABLE_COLUMNS_H_
