#include "connectors/snowflake/script_runner.h"

#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "connectors/snowflake/bookkeeping.h"
#include "connectors/snowflake/sql_rows.h"
#include "connectors/snowflake/sql_text.h"
#include "sql_delivery/cursor_sql.h"

namespace millrace::snowflake {
namespace {

using sql_delivery::Script;
using sql_delivery::ScriptFailure;
using sql_delivery::SqlDialect;
using sql_delivery::TextRows;

absl::StatusOr<TextRows> RunScript(SqlClient& client, const Script& script,
                                   const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const SqlResult result, client.Execute(RequestOf(script), stop));
  if (!script.result) return TextRows();
  return client.Fetch(result.handles[*script.result + 1], stop);  // after BEGIN
}

class SnowflakeScriptRunner final : public sql_delivery::ScriptRunner {
 public:
  SnowflakeScriptRunner(const SnowflakeSpec& spec, TargetTable& table, const SqlDialect& dialect,
                        std::unique_ptr<AccountClient> account)
      : table_(table),
        dialect_(dialect),
        cursor_(spec, spec.LedgerName(table.form().record_type())),
        account_(std::move(account)),
        client_(spec, *account_) {}

  absl::Status Prepare(std::stop_token stop) override {
    const auto forget = [&] { return cursor_.ForgetDropped(table_, client_, dialect_, stop); };
    const auto make_cursor = [&] { return cursor_.Create(client_, stop); };
    return table_.Prepare(client_, forget, make_cursor, stop);
  }

  absl::StatusOr<TextRows> Run(const Script& script, std::stop_token stop) override {
    return RunScript(client_, script, stop);
  }

  ScriptFailure Explain(const absl::Status& error) override {
    using Kind = ScriptFailure::Kind;
    const ErrorKind kind = RuleOf(client_.error()).kind;
    if (client_.error().http_status != 0) {
      switch (kind) {
        case ErrorKind::kRetry:
        case ErrorKind::kReopenChannel:
          return {Kind::kRetry, error};
        case ErrorKind::kThrottled:
          return {Kind::kThrottled, error};
        case ErrorKind::kRefuseRow:
          return {Kind::kRefusesRow, error};
        case ErrorKind::kSignIn:
        case ErrorKind::kStop:
          return {Kind::kStop, error};
      }
    }
    return {absl::IsUnavailable(error) || absl::IsCancelled(error) ? Kind::kRetry : Kind::kStop,
            error};
  }

 private:
  TargetTable& table_;
  const SqlDialect& dialect_;
  const CursorTables cursor_;
  const std::unique_ptr<AccountClient> account_;
  SqlClient client_;
};

}  // namespace

Statements RequestOf(const Script& script) {
  Statements request{.text = "BEGIN TRANSACTION",
                     .count = static_cast<int>(script.statements.size()) + 2};
  size_t size = 64;
  for (const std::string& statement : script.statements) size += statement.size() + 2;
  request.text.reserve(size);
  for (const std::string& statement : script.statements) {
    StrAppend(&request.text, ";\n", statement);
  }
  request.text += ";\nCOMMIT";
  return request;
}

absl::Status CursorTables::Create(SqlClient& client, const std::stop_token& stop) const {
  return CreateBooks(
      spec_,
      {BookTable{.name = kWritersTable, .columns = sql_delivery::WritersColumns("VARCHAR")},
       BookTable{.name = kDeliveredTable,
                 .columns = sql_delivery::DeliveredColumns("VARCHAR", "NUMBER(38,0)")}},
      client, stop);
}

absl::Status CursorTables::ForgetDropped(const TargetTable& table, SqlClient& client,
                                         const SqlDialect& dialect,
                                         const std::stop_token& stop) const {
  const auto listed = [&](std::string_view name) {
    return StrCat("SELECT TABLE_NAME FROM ", QuoteName(spec_.database),
                  ".INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = ", QuoteText(spec_.schema),
                  " AND TABLE_NAME = ", QuoteText(name));
  };
  // Methods that need no warehouse have none for the script, and usually nothing to forget.
  const absl::StatusOr<SqlResult> writers =
      client.Execute({.text = listed(kWritersTable), .in_schema = false}, stop);
  if (absl::IsNotFound(writers.status())) return absl::OkStatus();
  RETURN_IF_ERROR(writers.status());
  if (writers->rows.empty()) return absl::OkStatus();
  const std::string is_missing = StrCat("NOT EXISTS (", listed(table.name()), ")");
  const absl::Status forgotten =
      RunScript(client, sql_delivery::ForgetAllIfScript(dialect, destination_, is_missing), stop)
          .status();
  if (absl::IsNotFound(forgotten)) return absl::OkStatus();
  return Annotate(forgotten,
                  StrCat("forgetting the rows of ", table.quoted(), " that was dropped"));
}

absl::Status CursorTables::Drop(const TargetTable& table, SqlClient& client,
                                const SqlDialect& dialect, const std::stop_token& stop) const {
  RETURN_IF_ERROR(ForgetDropped(table, client, dialect, stop));
  return DropBooks(spec_, {kWritersTable, kDeliveredTable}, client, stop);
}

std::unique_ptr<sql_delivery::ScriptRunner> NewScriptRunner(
    const SnowflakeSpec& spec, TargetTable& table, const SqlDialect& dialect,
    std::unique_ptr<AccountClient> account) {
  return std::make_unique<SnowflakeScriptRunner>(spec, table, dialect, std::move(account));
}

}  // namespace millrace::snowflake
