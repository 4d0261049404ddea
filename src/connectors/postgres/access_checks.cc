#include "connectors/postgres/access_checks.h"

#include <string>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "postgres_client/sql_text.h"

namespace millrace::postgres {
namespace {

constexpr uint64_t kMinVersion = 120000;
constexpr char kCreate[] = "millrace destinations create";

AccessCheck Passed(std::string what) { return {std::move(what), absl::OkStatus(), ""}; }

// One check by a query whose one value is true if it passes.
AccessCheck Ask(Connection& connection, std::string what, const std::string& condition,
                const std::string& remedy, const std::stop_token& stop) {
  const absl::StatusOr<Rows> rows = connection.Query("SELECT " + condition, stop);
  if (!rows.ok()) return {std::move(what), rows.status(), remedy};
  if (rows->True(0, 0)) return Passed(std::move(what));
  return {what, absl::PermissionDeniedError(StrCat("no ", what)), remedy};
}

std::string Role(Connection& connection, const std::stop_token& stop) {
  const absl::StatusOr<Rows> rows = connection.Query("SELECT quote_ident(current_user)", stop);
  return rows.ok() ? std::string(rows->Text(0, 0)) : "the_role";
}

bool Exists(Connection& connection, const std::string& quoted, const std::stop_token& stop) {
  const absl::StatusOr<Rows> rows =
      connection.Query(StrCat("SELECT to_regclass(", QuoteText(quoted), ") IS NOT NULL"), stop);
  return rows.ok() && rows->True(0, 0);
}

void CheckPrivileges(Connection& connection, const std::string& quoted,
                     std::initializer_list<std::string_view> privileges, const std::string& role,
                     const std::stop_token& stop, std::vector<AccessCheck>& checks) {
  for (const std::string_view privilege : privileges) {
    checks.push_back(Ask(connection, StrCat(privilege, " on table ", quoted),
                         StrCat("has_table_privilege(", QuoteText(quoted), ", '", privilege, "')"),
                         StrCat("GRANT ", privilege, " ON ", quoted, " TO ", role), stop));
  }
}

}  // namespace

std::vector<AccessCheck> CheckServer(Connection& connection, const std::stop_token& stop) {
  std::vector<AccessCheck> checks;
  const absl::StatusOr<Rows> rows = connection.Query(
      "SELECT current_setting('server_version_num'), current_setting('server_version'), "
      "pg_is_in_recovery(), current_setting('default_transaction_read_only') = 'on', "
      "current_setting('server_encoding')",
      stop);
  const std::string what = StrCat("connection to ", connection.name());
  if (!rows.ok()) {
    checks.push_back({what, rows.status(),
                      "check host, port, database and user, the password (PGPASSWORD, ~/.pgpass), "
                      "and the server's pg_hba.conf"});
    return checks;
  }
  checks.push_back(Passed(what));
  checks.push_back(Passed(StrCat("PostgreSQL ", rows->Text(0, 1))));
  if (rows->Number(0, 0) < kMinVersion) {
    checks.back().status = absl::FailedPreconditionError("PostgreSQL 12 or newer is needed");
    checks.back().remedy = "upgrade the server";
  }
  checks.push_back(Passed(StrCat("encoding ", rows->Text(0, 4))));
  if (rows->Text(0, 4) == "SQL_ASCII") {
    checks.back().status = absl::FailedPreconditionError("it cannot be converted from UTF-8");
    checks.back().remedy = "use a database with the encoding UTF8";
  }
  checks.push_back(Passed("a server that can be written to"));
  if (rows->True(0, 2)) {
    checks.back().status = absl::FailedPreconditionError("the server is a standby");
    checks.back().remedy =
        "name the primary, or several hosts with target_session_attrs=read-write";
  } else if (rows->True(0, 3)) {
    checks.back().status = absl::FailedPreconditionError("default_transaction_read_only is on");
    checks.back().remedy =
        StrCat("ALTER ROLE ", Role(connection, stop), " SET default_transaction_read_only = off");
  }
  return checks;
}

std::vector<AccessCheck> CheckTable(Connection& connection, TargetTable& table,
                                    const std::stop_token& stop) {
  std::vector<AccessCheck> checks;
  const TableName& name = table.name();
  const std::string role = Role(connection, stop);
  const std::string schema = QuoteName(name.schema);
  const absl::StatusOr<Rows> found =
      connection.Query(StrCat("SELECT to_regnamespace(", QuoteText(schema), ") IS NOT NULL"), stop);
  if (!found.ok() || !found->True(0, 0)) {
    checks.push_back({StrCat("schema ", name.schema),
                      found.ok() ? absl::NotFoundError("it does not exist") : found.status(),
                      kCreate});
    return checks;
  }
  checks.push_back(
      Ask(connection, StrCat("USAGE on schema ", name.schema),
          StrCat("has_schema_privilege(to_regnamespace(", QuoteText(schema), "), 'USAGE')"),
          StrCat("GRANT USAGE ON SCHEMA ", schema, " TO ", role), stop));
  if (!checks.back().status.ok()) return checks;
  const std::string quoted = name.Quoted();
  const auto problems = table.Problems(connection, stop);
  if (problems.ok()) {
    checks.push_back(Passed(StrCat("table ", name.Text())));
    for (const TableProblem& problem : *problems) {
      checks.push_back({StrCat("columns of ", name.Text()),
                        absl::FailedPreconditionError(problem.message), problem.remedy});
    }
    CheckPrivileges(connection, quoted, {"INSERT"}, role, stop, checks);
  } else {
    checks.push_back({StrCat("table ", name.Text()), problems.status(), kCreate});
  }
  for (const std::string& cursor :
       {table.cursor_tables().writers(), table.cursor_tables().delivered()}) {
    if (Exists(connection, cursor, stop)) {
      CheckPrivileges(connection, cursor, {"SELECT", "INSERT", "UPDATE", "DELETE"}, role, stop,
                      checks);
    } else {
      checks.push_back(
          {StrCat("table ", cursor), absl::NotFoundError("it does not exist"), kCreate});
    }
  }
  return checks;
}

}  // namespace millrace::postgres
