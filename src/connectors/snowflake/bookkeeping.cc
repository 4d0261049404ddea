#include "connectors/snowflake/bookkeeping.h"

#include <set>
#include <utility>

#include "absl/status/statusor.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/snowflake/sql_text.h"

namespace millrace::snowflake {
namespace {

absl::Status Run(SqlClient& client, std::string sql, const std::stop_token& stop) {
  return client.Execute({.text = std::move(sql), .in_schema = false}, stop).status();
}

// Those of the schema whose names begin with "MILLRACE_".
absl::StatusOr<std::set<std::string>> FindBooks(const SnowflakeSpec& spec, SqlClient& client,
                                                const std::stop_token& stop) {
  ASSIGN_OR_RETURN(
      const SqlResult found,
      client.Execute(
          {.text = StrCat("SELECT TABLE_NAME FROM ", QuoteName(spec.database),
                          ".INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = ",
                          QuoteText(spec.schema), " AND STARTSWITH(TABLE_NAME, 'MILLRACE_')"),
           .in_schema = false},
          stop));
  std::set<std::string> names;
  for (const auto& row : found.rows) {
    if (!row.empty() && row[0]) names.insert(*row[0]);
  }
  return names;
}

absl::Status Create(const SnowflakeSpec& spec, const BookTable& table, SqlClient& client,
                    const std::stop_token& stop) {
  const std::string name = spec.QuotedTable(table.name);
  const absl::Status made =
      Run(client, StrCat("CREATE TABLE IF NOT EXISTS ", name, " (", table.columns, ")"), stop);
  return Annotate(made, StrCat("creating ", name));
}

}  // namespace

std::string LockSql(const SnowflakeSpec& spec) {
  return StrCat("UPDATE ", spec.QuotedTable(kLockTable), " SET n = n + 1");
}

absl::Status CreateBooks(const SnowflakeSpec& spec, absl::Span<const BookTable> tables,
                         SqlClient& client, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const std::set<std::string> there, FindBooks(spec, client, stop));
  if (!there.contains(std::string(kLockTable))) {
    RETURN_IF_ERROR(
        Create(spec, {.name = kLockTable, .columns = "n NUMBER(38,0) NOT NULL"}, client, stop));
  }
  const std::string lock = spec.QuotedTable(kLockTable);
  RETURN_IF_ERROR(Run(
      client,
      StrCat("INSERT INTO ", lock, " (n) SELECT 0 WHERE NOT EXISTS ", "(SELECT 1 FROM ", lock, ")"),
      stop));
  for (const BookTable& table : tables) {
    if (there.contains(std::string(table.name))) continue;
    RETURN_IF_ERROR(Create(spec, table, client, stop));
  }
  return absl::OkStatus();
}

absl::Status DropBooks(const SnowflakeSpec& spec, absl::Span<const std::string_view> tables,
                       SqlClient& client, const std::stop_token& stop) {
  const absl::StatusOr<SqlResult> left =
      client.Execute({.text = StrCat("SELECT COUNT(*) FROM ", spec.QuotedTable(tables.front())),
                      .in_schema = false},
                     stop);
  if (absl::IsNotFound(left.status())) return absl::OkStatus();
  RETURN_IF_ERROR(left.status());
  const bool is_empty = left->rows.size() == 1 && left->rows[0].size() == 1 && left->rows[0][0] &&
                        *left->rows[0][0] == "0";
  if (!is_empty) return absl::OkStatus();
  for (const std::string_view table : tables) {
    RETURN_IF_ERROR(Run(client, StrCat("DROP TABLE IF EXISTS ", spec.QuotedTable(table)), stop));
  }
  ASSIGN_OR_RETURN(const std::set<std::string> there, FindBooks(spec, client, stop));
  if (there != std::set<std::string>{std::string(kLockTable)}) return absl::OkStatus();
  return Run(client, StrCat("DROP TABLE IF EXISTS ", spec.QuotedTable(kLockTable)), stop);
}

}  // namespace millrace::snowflake
