#include "connectors/postgres/table_view.h"

#include <optional>

#include "base/status.h"
#include "base/strings.h"
#include "connectors/postgres/cursor_tables.h"
#include "connectors/postgres/target_table.h"
#include "postgres_client/sql_text.h"
#include "records/view_sql.h"

namespace millrace::postgres {
namespace {

// By which a view is known as one of ours.
constexpr char kComment[] = "made by Millrace";

}  // namespace

absl::Status CreateView(Connection& connection, const TargetTable& table,
                        const std::stop_token& stop) {
  const TableName& name = table.view();
  const std::optional<std::string> query =
      ViewQuery(SqlDialect::kPostgres, table.table_form(), table.name().Quoted());
  if (!query) return absl::OkStatus();
  const auto create = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const Rows found,
                     connection.Query(StrCat(kBegin, kLockDdl, "SELECT to_regclass(",
                                             QuoteText(name.Quoted()), ") IS NOT NULL"),
                                      stop));
    if (found.True(0, 0)) return absl::OkStatus();
    RETURN_IF_ERROR(connection
                        .Query(StrCat("CREATE VIEW ", name.Quoted(), " AS ", *query,
                                      "; COMMENT ON VIEW ", name.Quoted(), " IS '", kComment, "'"),
                               stop)
                        .status());
    return connection.Commit(stop);
  };
  const absl::Status created = create();
  connection.Rollback();
  if (!absl::IsPermissionDenied(created)) {
    return Annotate(created, StrCat("creating the view ", name.Text()));
  }
  return absl::PermissionDeniedError(StrCat(
      "creating the view ", name.Text(), ": ", created.message(), ". GRANT CREATE ON SCHEMA ",
      QuoteName(name.schema), " TO the role, or leave the views out with views=false"));
}

absl::StatusOr<std::string> DropViewSql(Connection& connection, const TableName& view,
                                        const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const Rows found, connection.Query(StrCat("SELECT obj_description(to_regclass(",
                                                             QuoteText(view.Quoted()),
                                                             "), 'pg_class') = '", kComment, "'"),
                                                      stop));
  return found.True(0, 0) ? StrCat("DROP VIEW ", view.Quoted(), "; ") : std::string();
}

}  // namespace millrace::postgres
