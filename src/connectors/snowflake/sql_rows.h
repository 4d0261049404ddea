// Snowflake's SQL for rows and the cursor (sql_delivery/script.h).
#ifndef MILLRACE_CONNECTORS_SNOWFLAKE_SQL_ROWS_H_
#define MILLRACE_CONNECTORS_SNOWFLAKE_SQL_ROWS_H_

#include <string>
#include <string_view>
#include <vector>

#include "connectors/snowflake/snowflake_spec.h"
#include "connectors/snowflake/target_table.h"
#include "sql_delivery/script.h"

namespace millrace::snowflake {

// The tables of the cursor, in the schema of the target.
inline constexpr std::string_view kWritersTable = "MILLRACE_WRITERS";
inline constexpr std::string_view kDeliveredTable = "MILLRACE_DELIVERED";

// Appends `row` to `out` as a JSON array: `first`, then the cells in the order of the form. Times
// are microseconds since 1970, other numbers have the digits of their source.
void AppendJsonRow(std::string_view first, const TableForm& form, TableRow row, std::string& out);

class SnowflakeDialect final : public sql_delivery::SqlDialect {
 public:
  // Both outlive it.
  SnowflakeDialect(const SnowflakeSpec& spec, const TargetTable& table);

  const Dialect& values() const override { return kSnowflakeDialect; }
  size_t max_script_bytes() const override { return kMaxSqlBytes; }
  std::string QuoteText(std::string_view text) const override;
  std::vector<std::string> LockStatements() const override { return {lock_}; }
  std::string writers() const override { return writers_; }
  std::string delivered() const override { return delivered_; }
  // "[span, cell, ...]": rows are the elements of one array, which FLATTEN takes apart.
  void AppendRow(size_t span, const TableForm& form, TableRow row, std::string& out) const override;
  std::string_view row_separator() const override { return ","; }
  std::string InsertSql(std::string_view rows, std::string_view open) const override;

 private:
  const TargetTable& table_;
  const std::string lock_;  // a statement
  const std::string writers_;
  const std::string delivered_;
  std::string select_;  // the cells of "value", as the columns of the table
};

}  // namespace millrace::snowflake

#endif  // MILLRACE_CONNECTORS_SNOWFLAKE_SQL_ROWS_H_
