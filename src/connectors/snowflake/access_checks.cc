#include "connectors/snowflake/access_checks.h"

#include <string>
#include <utility>

#include "base/strings.h"
#include "connectors/snowflake/sql_text.h"

namespace millrace::snowflake {
namespace {

constexpr char kCreate[] = "millrace destinations create";

// The role that GRANT statements name.
std::string RoleOf(const SnowflakeSpec& spec) {
  return spec.role.empty() ? "the_role" : QuoteName(spec.role);
}

}  // namespace

std::vector<AccessCheck> CheckAccount(const SnowflakeSpec& spec, SqlClient& client,
                                      const std::stop_token& stop) {
  std::vector<AccessCheck> checks;
  const absl::StatusOr<SqlResult> session = client.Execute(
      {.text = "SELECT CURRENT_ROLE(), CURRENT_WAREHOUSE(), CURRENT_VERSION()", .in_schema = false},
      stop);
  checks.push_back({StrCat("sign-in to ", spec.account), session.status(), ""});
  if (!session.ok()) {
    checks.back().remedy = "check the account, the user, the role and the credentials";
    return checks;
  }
  const auto& row =
      session->rows.empty() ? std::vector<std::optional<std::string>>(3) : session->rows.front();
  const bool has_warehouse = row.size() > 1 && row[1] && !row[1]->empty();
  checks.push_back({has_warehouse ? StrCat("warehouse ", *row[1]) : "a warehouse",
                    has_warehouse ? absl::OkStatus()
                                  : absl::FailedPreconditionError(
                                        "the session has no warehouse, or the role may not use it"),
                    ""});
  if (!has_warehouse) {
    checks.back().remedy = spec.warehouse.empty()
                               ? std::string("add warehouse=NAME or set SNOWFLAKE_WAREHOUSE")
                               : StrCat("GRANT USAGE ON WAREHOUSE ", QuoteName(spec.warehouse),
                                        " TO ROLE ", RoleOf(spec));
    return checks;
  }
  const absl::StatusOr<SqlResult> schema = client.Execute(
      {.text = StrCat("SELECT SCHEMA_NAME FROM ", QuoteName(spec.database),
                      ".INFORMATION_SCHEMA.SCHEMATA WHERE SCHEMA_NAME = ", QuoteText(spec.schema)),
       .in_schema = false},
      stop);
  const bool found = schema.ok() && !schema->rows.empty();
  checks.push_back({StrCat("schema ", spec.QuotedSchema()),
                    found         ? absl::OkStatus()
                    : schema.ok() ? absl::NotFoundError("it does not exist, or the role may not "
                                                        "use it")
                                  : schema.status(),
                    ""});
  if (!found) {
    checks.back().remedy = StrCat(
        kCreate, ", or GRANT USAGE ON DATABASE ", QuoteName(spec.database), " TO ROLE ",
        RoleOf(spec), "; GRANT USAGE ON SCHEMA ", spec.QuotedSchema(), " TO ROLE ", RoleOf(spec));
  }
  return checks;
}

std::vector<AccessCheck> CheckTable(const SnowflakeSpec& spec, TargetTable& table,
                                    SqlClient& client, const std::stop_token& stop) {
  std::vector<AccessCheck> checks;
  const absl::StatusOr<std::vector<TableProblem>> problems = table.Problems(client, stop);
  checks.push_back({StrCat("table ", table.quoted()), problems.status(), ""});
  if (!problems.ok()) {
    checks.back().remedy = kCreate;
    return checks;
  }
  for (const TableProblem& problem : *problems) {
    checks.push_back({StrCat("columns of ", table.quoted()),
                      absl::FailedPreconditionError(problem.message), problem.remedy});
  }
  if (!problems->empty()) return checks;
  const absl::Status may_insert =
      client
          .Execute({.text = StrCat("INSERT INTO ", table.quoted(), " (", table.column_list(),
                                   ") SELECT ", table.column_list(), " FROM ", table.quoted(),
                                   " WHERE 1 = 0"),
                    .in_schema = false},
                   stop)
          .status();
  checks.push_back({StrCat("INSERT and SELECT on table ", table.quoted()), may_insert, ""});
  if (!may_insert.ok()) {
    checks.back().remedy =
        StrCat("GRANT INSERT, SELECT ON TABLE ", table.quoted(), " TO ROLE ", RoleOf(spec));
  }
  return checks;
}

}  // namespace millrace::snowflake
