#include "connectors/redshift/access_checks.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/strings.h"
#include "postgres_client/sql_text.h"

namespace millrace::redshift {
namespace {

constexpr char kCreate[] = "millrace destinations create";

// One check by a query whose one value is true if it passes.
AccessCheck Ask(SqlSession& session, std::string what, const std::string& condition,
                std::string remedy, const std::stop_token& stop) {
  const absl::StatusOr<TextRows> rows =
      session.Query(StrCat("SELECT CASE WHEN ", condition, " THEN 1 ELSE 0 END"), stop);
  if (!rows.ok()) return {std::move(what), rows.status(), std::move(remedy)};
  const bool passes = !rows->empty() && !rows->front().empty() && rows->front()[0] == "1";
  if (passes) return {std::move(what), absl::OkStatus(), ""};
  return {what, absl::PermissionDeniedError(StrCat("no ", what)), std::move(remedy)};
}

std::string UserOf(SqlSession& session, const std::stop_token& stop) {
  const absl::StatusOr<TextRows> rows = session.Query("SELECT current_user", stop);
  const bool known = rows.ok() && !rows->empty() && !rows->front().empty() && rows->front()[0];
  return postgres::QuoteName(known ? *rows->front()[0] : "the_user");
}

}  // namespace

std::vector<AccessCheck> CheckWarehouse(const RedshiftSpec& spec, SqlSession& session,
                                        const std::stop_token& stop) {
  const std::string what = StrCat("statements in database ", spec.database);
  const absl::Status answered = session.Query("SELECT 1", stop).status();
  if (answered.ok()) return {{what, absl::OkStatus(), ""}};
  return {{what, answered,
           spec.uses_data_api()
               ? "check the name, the region, the AWS keys and the permissions "
                 "redshift-data:* and redshift-serverless:GetCredentials (a cluster: "
                 "redshift:GetClusterCredentials)"
               : "check host, port, user and password (PGPASSWORD, ~/.pgpass, passfile=), and "
                 "the warehouse's security group"}};
}

std::vector<AccessCheck> CheckTable(TargetTable& table, SqlSession& session,
                                    const std::stop_token& stop) {
  std::vector<AccessCheck> checks;
  const std::string schema = StrCat("schema ", table.schema());
  const absl::StatusOr<bool> has_schema = table.HasSchema(session, stop);
  if (!has_schema.ok() || !*has_schema) {
    checks.push_back(
        {schema, has_schema.ok() ? absl::NotFoundError("it does not exist") : has_schema.status(),
         kCreate});
    return checks;
  }
  const std::string user = UserOf(session, stop);
  const RedshiftDialect& dialect = table.dialect();
  checks.push_back(Ask(
      session, StrCat("USAGE on ", schema),
      StrCat("has_schema_privilege(", dialect.QuoteText(table.schema()), ", 'usage')"),
      StrCat("GRANT USAGE ON SCHEMA ", postgres::QuoteName(table.schema()), " TO ", user), stop));
  const std::string what = StrCat("table ", table.schema(), ".", table.name());
  const auto problems = table.Problems(session, stop);
  if (!problems.ok()) {
    checks.push_back({what, problems.status(), kCreate});
  } else {
    checks.push_back({what, absl::OkStatus(), ""});
    for (const TableProblem& problem : *problems) {
      checks.push_back({StrCat("columns of ", table.schema(), ".", table.name()),
                        absl::FailedPreconditionError(problem.message), problem.remedy});
    }
  }
  const auto ask = [&](const std::string& quoted, const char* privilege) {
    checks.push_back(
        Ask(session, StrCat(privilege, " on table ", quoted),
            StrCat("has_table_privilege(", dialect.QuoteText(quoted), ", '", privilege, "')"),
            StrCat("GRANT ", privilege, " ON ", quoted, " TO ", user), stop));
  };
  if (problems.ok()) ask(dialect.table(), "INSERT");
  const std::vector<std::string> names = table.StateTables();
  const auto found = table.TablesAmong(names, session, stop);
  for (const std::string& name : names) {
    const std::string quoted = postgres::QuoteTable(table.schema(), name);
    if (!found.ok() || std::find(found->begin(), found->end(), name) == found->end()) {
      checks.push_back({StrCat("table ", quoted),
                        found.ok() ? absl::NotFoundError("it does not exist") : found.status(),
                        kCreate});
      continue;
    }
    for (const char* privilege : {"SELECT", "INSERT", "DELETE"}) ask(quoted, privilege);
  }
  return checks;
}

}  // namespace millrace::redshift
