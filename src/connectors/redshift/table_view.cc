#include "connectors/redshift/table_view.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "base/status.h"
#include "base/strings.h"
#include "postgres_client/sql_text.h"
#include "records/view_sql.h"

namespace millrace::redshift {
namespace {

// By which a view is known as one of ours.
constexpr char kComment[] = "made by Millrace";

std::string NameOf(const TargetTable& table) {
  return ViewName(table.form().record_type(), table.name());
}

// Columns have their names in lower case.
absl::StatusOr<std::optional<std::string>> QueryOf(TargetTable& table) {
  std::vector<std::string> extra;
  for (const Column& column : table.form().extra_columns()) {
    extra.push_back(StrCat(absl::AsciiStrToLower(column.name), ":", millrace::NameOf(column.type)));
  }
  ASSIGN_OR_RETURN(const TableForm form,
                   TableForm::Make(table.form().record_type(), std::move(extra)));
  return ViewQuery(SqlDialect::kRedshift, form, table.dialect().table());
}

}  // namespace

std::string ViewOf(const TargetTable& table) {
  if (table.form().record_type() != RecordType::kEvent) return "";
  return postgres::QuoteTable(table.schema(), NameOf(table));
}

absl::Status CreateView(TargetTable& table, SqlSession& session, const std::stop_token& stop) {
  const std::string view = ViewOf(table);
  if (view.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::optional<std::string> query, QueryOf(table));
  if (!query) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<std::string> found,
                   table.TablesAmong({NameOf(table)}, session, stop));
  if (!found.empty()) return absl::OkStatus();
  const absl::Status created =
      session
          .Execute({StrCat("CREATE VIEW ", view, " AS ", *query),
                    StrCat("COMMENT ON VIEW ", view, " IS '", kComment, "'")},
                   std::nullopt, stop)
          .status();
  if (created.ok() || absl::StrContains(created.message(), "already exists")) {
    return absl::OkStatus();
  }
  return Annotate(created,
                  StrCat("creating the view ", view, " (views=false in the DEST leaves it out)"));
}

absl::StatusOr<std::string> DropViewSql(TargetTable& table, SqlSession& session,
                                        const std::stop_token& stop) {
  const std::string view = ViewOf(table);
  if (view.empty()) return "";
  ASSIGN_OR_RETURN(
      const TextRows rows,
      session.Query(StrCat("SELECT d.description FROM pg_description d JOIN pg_class c ON c.oid = "
                           "d.objoid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname "
                           "= ",
                           table.dialect().QuoteText(table.schema()), " AND c.relname = ",
                           table.dialect().QuoteText(NameOf(table)), " AND c.relkind = 'v'"),
                    stop));
  const bool is_ours = !rows.empty() && !rows[0].empty() && rows[0][0] == kComment;
  return is_ours ? StrCat("DROP VIEW ", view) : std::string();
}

}  // namespace millrace::redshift
