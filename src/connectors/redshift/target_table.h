// One table that records are inserted into: what it needs to be, and making it so.
#ifndef MILLRACE_CONNECTORS_REDSHIFT_TARGET_TABLE_H_
#define MILLRACE_CONNECTORS_REDSHIFT_TARGET_TABLE_H_

#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "connectors/redshift/redshift_dialect.h"
#include "connectors/redshift/redshift_spec.h"
#include "connectors/redshift/sql_session.h"
#include "pipeline/intents.h"
#include "records/table_form.h"

namespace millrace::redshift {

struct TableColumn {
  std::string name;  // in lower case
  ColumnType type = ColumnType::kText;
  bool required = false;  // NOT NULL
  bool extra = false;     // requested by columns=
};

// As in CREATE TABLE.
std::string_view SqlType(ColumnType type);

// What prevents a table from being inserted into.
struct TableProblem {
  std::string message;
  std::string remedy;  // a statement, or what else to do
  bool is_missing_extra = false;
};

// Compares `found`, rows of (name, type, nullable, default), with `wanted`. Columns that the table
// has besides are no problem unless they are NOT NULL without a default. `table` is quoted.
std::vector<TableProblem> FindProblems(const TextRows& found,
                                       const std::vector<TableColumn>& wanted,
                                       const std::string& table);

// Thread-safe.
class TargetTable {
 public:
  // `spec` outlives the table. `type` has a table in it.
  TargetTable(const RedshiftSpec& spec, RecordType type, TableForm form);

  const TableForm& form() const { return form_; }
  const std::string& schema() const { return spec_.schema; }
  const std::string& name() const { return name_; }
  const std::vector<TableColumn>& columns() const { return columns_; }
  const std::string& column_list() const { return column_list_; }  // quoted
  RedshiftDialect& dialect() { return dialect_; }
  // The name of its destination in ledger keys.
  const std::string& destination() const { return destination_; }

  // Makes the schema, the table and the tables beside it that are missing, and adds missing columns
  // of columns= if add_columns=true. A table that is made has no rows, so what the cursor knows of
  // an earlier one is forgotten. FailedPrecondition, with the remedy: the table has a problem, or
  // one of the two tables of its cursor is missing, or the table of commits is while commits are
  // `open`. If all of them are missing otherwise, that is logged.
  absl::Status MakeReady(SqlSession& session, absl::Span<const Intent> open,
                         const std::stop_token& stop);
  // The same; once it has succeeded it does nothing until NotReady() is called.
  absl::Status Prepare(SqlSession& session, const std::stop_token& stop);
  void NotReady();

  // What is wrong with the table that exists. NotFound: there is no such table, or the user sees
  // none.
  absl::StatusOr<std::vector<TableProblem>> Problems(SqlSession& session,
                                                     const std::stop_token& stop);
  absl::StatusOr<bool> HasSchema(SqlSession& session, const std::stop_token& stop);
  // Of those in `names`, those that exist in the schema.
  absl::StatusOr<std::vector<std::string>> TablesAmong(const std::vector<std::string>& names,
                                                       SqlSession& session,
                                                       const std::stop_token& stop);

  // The tables beside it that say which of its rows are there: of the cursor, or of commits.
  std::vector<std::string> StateTables() const;

  // Called if the table of commits is missing. OK: the table is missing too, so no commit is in it.
  // FailedPrecondition, with the remedy: it exists. Unavailable: both exist by now.
  absl::Status RequireKnownCommits(SqlSession& session, const std::stop_token& stop);

  // Drops the table and those beside it. It is no error if there are none.
  absl::Status Drop(SqlSession& session, const std::stop_token& stop);

 private:
  std::string CreateTableSql() const;
  std::vector<std::string> ForgetStatements() const;
  // Whether tables that say what is in the table are gone; `found`: the tables that exist.
  absl::Status CheckLoss(const std::vector<std::string>& found,
                         absl::Span<const Intent> open) const;
  absl::Status CommitsAreGone(std::string_view which) const;
  absl::Status CreateMissing(SqlSession& session, absl::Span<const Intent> open,
                             const std::stop_token& stop);
  absl::Status AddColumns(SqlSession& session, const std::stop_token& stop);
  absl::Status LearnBackslash(SqlSession& session, const std::stop_token& stop);

  const RedshiftSpec& spec_;
  const TableForm form_;
  const std::string name_;
  const std::string destination_;
  const std::vector<TableColumn> columns_;
  const std::string column_list_;
  RedshiftDialect dialect_;
  absl::Mutex preparing_;
  bool prepared_ ABSL_GUARDED_BY(preparing_) = false;
};

}  // namespace millrace::redshift

#endif  // MILLRACE_CONNECTORS_REDSHIFT_TARGET_TABLE_H_
