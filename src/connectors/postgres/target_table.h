// One table that records are copied into: what it needs to be, and making it so.
#ifndef MILLRACE_CONNECTORS_POSTGRES_TARGET_TABLE_H_
#define MILLRACE_CONNECTORS_POSTGRES_TARGET_TABLE_H_

#include <cstdint>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "connectors/postgres/cursor_tables.h"
#include "connectors/postgres/table_columns.h"
#include "connectors/postgres/table_spec.h"
#include "postgres_client/connection.h"
#include "records/table_form.h"

namespace millrace::postgres {

// Thread-safe.
class TargetTable {
 public:
  // `form`: with its extra columns.
  TargetTable(const TableSpec& spec, TableForm form);
  // A table like `other` in the same schema, in which rows are collected: it has the same columns
  // and CHECK constraints, but no indexes, foreign keys, triggers and partitions, and cursor tables
  // of its own. Only MakeAnew() makes it.
  TargetTable(const TargetTable& other, std::string_view name);

  const TableName& name() const { return name_; }
  Form form() const { return form_; }
  const TableForm& table_form() const { return table_form_; }
  // The view that CreateView() makes; the same for a table that collects.
  const TableName& view() const { return view_; }
  bool partitioned() const { return partitioned_; }
  bool collects() const { return !like_.empty(); }
  const CursorTables& cursor_tables() const { return cursor_tables_; }

  // The columns that are filled, quoted: "a", "b".
  const std::string& column_list() const { return column_list_; }
  // COPY of all these columns FROM STDIN.
  const std::string& copy_sql() const { return copy_sql_; }

  // Drops the view, the table and its partitions, deletes its destination's rows from the cursor's
  // tables, and drops those if they are empty then or its own; all or nothing. What does not exist
  // is no error.
  absl::Status Drop(Connection& connection, const std::stop_token& stop);

  // Of a table that collects: drops it and its cursor tables, makes them again, and executes
  // `and_then`; all or nothing.
  absl::Status MakeAnew(Connection& connection, std::string_view and_then,
                        const std::stop_token& stop);
  // Drops them if `held`, a query of its cursor tables, returns a row. Ok if it returns none.
  absl::Status DropIf(Connection& connection, std::string_view held, const std::stop_token& stop);

  // What is wrong with the table that exists.
  absl::StatusOr<std::vector<TableProblem>> Problems(Connection& connection,
                                                     const std::stop_token& stop);
  // FailedPrecondition, with the remedy of the first: it has problems.
  absl::Status CheckFits(Connection& connection, const std::stop_token& stop);

  // Create(), then ALTER TABLE for missing extra columns if the spec says so. FailedPrecondition,
  // with the remedy: the table has a problem.
  absl::Status MakeReady(Connection& connection, const std::stop_token& stop);
  // The same, once it has succeeded never again.
  absl::Status Prepare(Connection& connection, const std::stop_token& stop);

  // Makes missing partitions for these days since 1970-01-01; outliers go to the default one.
  // `patient`: others may have locked the table for up to an hour.
  absl::Status AddPartitions(Connection& connection, absl::Span<const int32_t> days, absl::Time now,
                             const std::stop_token& stop, bool patient = false);

 private:
  std::string CreateTableSql() const;
  std::string DropAllSql() const;  // of a table that collects
  // What is missing, as one row of three truth values: the schema, the table, the cursor's tables.
  std::string MissingSql() const;
  // Makes the schema, the cursor's tables, and the table with its indexes, if they are missing. A
  // table that is made has no rows, so what the cursor knows of an earlier one is forgotten.
  absl::Status Create(Connection& connection, const std::stop_token& stop);
  absl::Status CreateMissing(Connection& connection, const std::stop_token& stop);
  absl::Status AddColumns(Connection& connection, const std::stop_token& stop);

  const TableName name_;
  const std::string like_;         // the other table, quoted; empty: none
  const std::string destination_;  // its name in ledger keys
  const Form form_;
  const TableForm table_form_;
  const TableName view_;
  const bool partitioned_;
  const bool add_columns_;
  const std::vector<TableColumn> columns_;
  const CursorTables cursor_tables_;
  const std::string column_list_;
  const std::string copy_sql_;
  absl::Mutex preparing_;
  bool prepared_ ABSL_GUARDED_BY(preparing_) = false;
  std::set<int32_t> days_ ABSL_GUARDED_BY(preparing_);  // that need no partition made
};

}  // namespace millrace::postgres

#endif  // MILLRACE_CONNECTORS_POSTGRES_TARGET_TABLE_H_
