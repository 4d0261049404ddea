// The columns that a table of records has to have.
#ifndef MILLRACE_CONNECTORS_POSTGRES_TABLE_COLUMNS_H_
#define MILLRACE_CONNECTORS_POSTGRES_TABLE_COLUMNS_H_

#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "connectors/postgres/table_spec.h"
#include "postgres_client/connection.h"
#include "records/form.h"
#include "records/table_form.h"

namespace millrace::postgres {

struct TableColumn {
  std::string name;
  ColumnType type = ColumnType::kText;
  bool required = false;  // NOT NULL
  bool extra = false;     // asked for by columns=
};

std::vector<TableColumn> ColumnsOf(Form form, const TableForm& table_form);

// As in CREATE TABLE.
std::string_view SqlType(ColumnType type);

// What prevents a table from being copied into.
struct TableProblem {
  std::string message;
  std::string remedy;  // a statement, or what else to do
  bool is_missing_extra = false;
};

// Compares the table with the columns. Columns that it has besides are no problem unless they are
// NOT NULL without a default. NotFound: there is no such table.
absl::StatusOr<std::vector<TableProblem>> FindProblems(Connection& connection,
                                                       const TableName& table,
                                                       const std::vector<TableColumn>& columns,
                                                       bool partitioned,
                                                       const std::stop_token& stop);

}  // namespace millrace::postgres

#endif  // MILLRACE_CONNECTORS_POSTGRES_TABLE_COLUMNS_H_
