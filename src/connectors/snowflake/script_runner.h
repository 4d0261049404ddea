// Scripts of sql_delivery through the SQL API.
#ifndef MILLRACE_CONNECTORS_SNOWFLAKE_SCRIPT_RUNNER_H_
#define MILLRACE_CONNECTORS_SNOWFLAKE_SCRIPT_RUNNER_H_

#include <memory>
#include <string>

#include "connectors/snowflake/account_client.h"
#include "connectors/snowflake/snowflake_spec.h"
#include "connectors/snowflake/sql_client.h"
#include "connectors/snowflake/target_table.h"
#include "sql_delivery/script.h"

namespace millrace::snowflake {

// The tables of the cursor: which are there, and making them.
class CursorTables {
 public:
  // `spec` outlives it. `destination`: SnowflakeSpec::LedgerName() of the target.
  CursorTables(const SnowflakeSpec& spec, std::string destination)
      : spec_(spec), destination_(std::move(destination)) {}

  // Makes those that are missing in a schema that exists.
  absl::Status Create(SqlClient& client, const std::stop_token& stop) const;
  // Deletes what they know of the destination, unless `table`, whose rows they know of, exists.
  // Called before the table is created: writers that know the ranges of a table that was dropped
  // lose their claims. It is no error if the tables of the cursor are not there.
  absl::Status ForgetDropped(const TargetTable& table, SqlClient& client,
                             const sql_delivery::SqlDialect& dialect,
                             const std::stop_token& stop) const;
  // The same, and drops them if they are empty then.
  absl::Status Drop(const TargetTable& table, SqlClient& client,
                    const sql_delivery::SqlDialect& dialect, const std::stop_token& stop) const;

 private:
  const SnowflakeSpec& spec_;
  const std::string destination_;
};

// All outlive the runner, but for `account`.
std::unique_ptr<sql_delivery::ScriptRunner> NewScriptRunner(const SnowflakeSpec& spec,
                                                            TargetTable& table,
                                                            const sql_delivery::SqlDialect& dialect,
                                                            std::unique_ptr<AccountClient> account);

// The text of a script as one request: BEGIN, its statements, COMMIT.
Statements RequestOf(const sql_delivery::Script& script);

}  // namespace millrace::snowflake

#endif  // MILLRACE_CONNECTORS_SNOWFLAKE_SCRIPT_RUNNER_H_
