// One table that records are loaded into: what it needs to be, and making it so.
#ifndef MILLRACE_CONNECTORS_SNOWFLAKE_TARGET_TABLE_H_
#define MILLRACE_CONNECTORS_SNOWFLAKE_TARGET_TABLE_H_

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "connectors/snowflake/snowflake_spec.h"
#include "connectors/snowflake/sql_client.h"
#include "connectors/snowflake/table_columns.h"
#include "records/table_form.h"

namespace millrace::snowflake {

// Thread-safe.
class TargetTable {
 public:
  // `spec` outlives the table.
  TargetTable(const SnowflakeSpec& spec, TableForm form);

  const TableForm& form() const { return form_; }
  const std::string& name() const { return name_; }      // as Snowflake stores it
  const std::string& quoted() const { return quoted_; }  // "DATABASE"."SCHEMA"."TABLE"
  // In the order of the form's.
  const std::vector<TableColumn>& columns() const { return columns_; }
  // The columns, quoted: "A", "B".
  const std::string& column_list() const { return column_list_; }

  // Makes the database, the schema and the table that are missing, and adds missing columns of
  // columns= to a table that exists if add_columns=true. FailedPrecondition, with the remedy: the
  // table has a problem. PermissionDenied: the role may not make what is missing.
  // `before_create` is called if the table is missing, when its schema is there; a table that it
  // fails for is not created.
  absl::Status MakeReady(SqlClient& client, const std::function<absl::Status()>& before_create,
                         const std::stop_token& stop);
  // The same, then `and_then`; once both have succeeded never again.
  absl::Status Prepare(SqlClient& client, const std::function<absl::Status()>& before_create,
                       const std::function<absl::Status()>& and_then, const std::stop_token& stop);

  // What is wrong with the table that exists. NotFound: there is no such table, or the role sees
  // none.
  absl::StatusOr<std::vector<TableProblem>> Problems(SqlClient& client,
                                                     const std::stop_token& stop);

  // Makes the view of the table (records/view_sql.h), unless something of its name exists, or
  // there is none for this type of record.
  absl::Status CreateView(SqlClient& client, const std::stop_token& stop);
  // As SQL names it; empty: there is none.
  std::string quoted_view() const;

  // Drops the table, and the view of its name. It is no error if there is none.
  absl::Status Drop(SqlClient& client, const std::stop_token& stop);

 private:
  std::string CreateTableSql() const;
  std::string ViewNameHere() const;
  // Whether INFORMATION_SCHEMA's VIEWS or TABLES has the name of the view.
  absl::StatusOr<bool> IsListed(std::string_view kind, SqlClient& client,
                                const std::stop_token& stop);
  absl::Status CreateMissing(SqlClient& client, const std::function<absl::Status()>& before_create,
                             const std::stop_token& stop);
  absl::Status AddColumns(SqlClient& client, const std::stop_token& stop);

  const SnowflakeSpec& spec_;
  const TableForm form_;
  const std::string name_;
  const std::string quoted_;
  const std::vector<TableColumn> columns_;
  const std::string column_list_;
  absl::Mutex preparing_;
  bool prepared_ ABSL_GUARDED_BY(preparing_) = false;
};

// Makes the database and the schema of `spec` if they are missing. PermissionDenied: the role may
// not.
absl::Status CreateSchema(const SnowflakeSpec& spec, SqlClient& client,
                          const std::stop_token& stop);

}  // namespace millrace::snowflake

#endif  // MILLRACE_CONNECTORS_SNOWFLAKE_TARGET_TABLE_H_
