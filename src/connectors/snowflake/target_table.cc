#include "connectors/snowflake/target_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/snowflake/sql_text.h"
#include "records/view_sql.h"

namespace millrace::snowflake {
namespace {

std::string ColumnList(const std::vector<TableColumn>& columns) {
  std::string list;
  for (const TableColumn& column : columns) {
    StrAppend(&list, list.empty() ? "" : ", ", QuoteName(column.name));
  }
  return list;
}

absl::Status Run(SqlClient& client, std::string sql, const std::stop_token& stop) {
  return client.Execute({.text = std::move(sql), .in_schema = false}, stop).status();
}

absl::Status MayNotCreate(const SnowflakeSpec& spec, const absl::Status& why,
                          std::string_view what) {
  if (!absl::IsPermissionDenied(why)) return Annotate(why, StrCat("creating ", what));
  return absl::PermissionDeniedError(
      StrCat("creating ", what, ": ", why.message(),
             ". Let a role that may create it run `millrace destinations create`, or grant it to ",
             spec.role.empty() ? "the role" : "role ", spec.role));
}

}  // namespace

TargetTable::TargetTable(const SnowflakeSpec& spec, TableForm form)
    : spec_(spec),
      form_(std::move(form)),
      name_(spec.tables.at(form_.record_type())),
      quoted_(spec.QuotedTable(name_)),
      columns_(ColumnsOf(form_)),
      column_list_(ColumnList(columns_)) {}

std::string TargetTable::CreateTableSql() const {
  std::string sql = StrCat("CREATE TABLE IF NOT EXISTS ", quoted_, " (");
  for (const TableColumn& column : columns_) {
    StrAppend(&sql, &column == &columns_.front() ? "" : ", ", QuoteName(column.name), " ",
              SqlType(column.type), column.required ? " NOT NULL" : "");
  }
  return sql + ")";
}

absl::StatusOr<std::vector<TableProblem>> TargetTable::Problems(SqlClient& client,
                                                                const std::stop_token& stop) {
  ASSIGN_OR_RETURN(
      const SqlResult found,
      client.Execute({.text = DescribeSql(spec_.database, spec_.schema, name_), .in_schema = false},
                     stop));
  if (found.rows.empty()) {
    return absl::NotFoundError(
        StrCat(quoted_, " does not exist, or the role has no privilege on it"));
  }
  return FindProblems(found.rows, columns_, quoted_);
}

absl::Status CreateSchema(const SnowflakeSpec& spec, SqlClient& client,
                          const std::stop_token& stop) {
  const auto find = [&] {
    return client.Execute({.text = StrCat("SELECT SCHEMA_NAME FROM ", QuoteName(spec.database),
                                          ".INFORMATION_SCHEMA.SCHEMATA WHERE SCHEMA_NAME = ",
                                          QuoteText(spec.schema)),
                           .in_schema = false},
                          stop);
  };
  absl::StatusOr<SqlResult> found = find();
  if (absl::IsNotFound(found.status())) {
    const std::string sql = StrCat("CREATE DATABASE IF NOT EXISTS ", QuoteName(spec.database));
    if (const absl::Status made = Run(client, sql, stop); !made.ok()) {
      return MayNotCreate(spec, made, StrCat("the database ", QuoteName(spec.database)));
    }
    found = find();
  }
  RETURN_IF_ERROR(found.status());
  if (!found->rows.empty()) return absl::OkStatus();
  const absl::Status made =
      Run(client, StrCat("CREATE SCHEMA IF NOT EXISTS ", spec.QuotedSchema()), stop);
  if (!made.ok()) return MayNotCreate(spec, made, StrCat("the schema ", spec.QuotedSchema()));
  return absl::OkStatus();
}

// CREATE TABLE commits by itself, so that what has to be done for a new table comes first.
absl::Status TargetTable::CreateMissing(SqlClient& client,
                                        const std::function<absl::Status()>& before_create,
                                        const std::stop_token& stop) {
  RETURN_IF_ERROR(CreateSchema(spec_, client, stop));
  RETURN_IF_ERROR(before_create());
  const absl::Status made = Run(client, CreateTableSql(), stop);
  return made.ok() ? made : MayNotCreate(spec_, made, StrCat("the table ", quoted_));
}

absl::Status TargetTable::AddColumns(SqlClient& client, const std::stop_token& stop) {
  std::string sql;
  for (const TableColumn& column : columns_) {
    if (!column.extra) continue;
    StrAppend(&sql, sql.empty() ? "" : ", ", "COLUMN IF NOT EXISTS ", QuoteName(column.name), " ",
              SqlType(column.type));
  }
  return Annotate(Run(client, StrCat("ALTER TABLE ", quoted_, " ADD ", sql), stop),
                  StrCat("adding columns to ", quoted_));
}

absl::Status TargetTable::MakeReady(SqlClient& client,
                                    const std::function<absl::Status()>& before_create,
                                    const std::stop_token& stop) {
  absl::StatusOr<std::vector<TableProblem>> problems = Problems(client, stop);
  if (absl::IsNotFound(problems.status())) {
    RETURN_IF_ERROR(CreateMissing(client, before_create, stop));
    problems = Problems(client, stop);
  }
  RETURN_IF_ERROR(problems.status());
  const bool can_add = !problems->empty() && spec_.add_columns &&
                       std::all_of(problems->begin(), problems->end(),
                                   [](const TableProblem& one) { return one.is_missing_extra; });
  if (can_add) {
    RETURN_IF_ERROR(AddColumns(client, stop));
    problems = Problems(client, stop);
    RETURN_IF_ERROR(problems.status());
  }
  if (problems->empty()) return absl::OkStatus();
  const TableProblem& first = problems->front();
  return absl::FailedPreconditionError(StrCat(
      first.message, ": ", first.remedy, first.is_missing_extra ? ", or add_columns=true" : ""));
}

absl::Status TargetTable::Prepare(SqlClient& client,
                                  const std::function<absl::Status()>& before_create,
                                  const std::function<absl::Status()>& and_then,
                                  const std::stop_token& stop) {
  absl::MutexLock lock(&preparing_);
  if (prepared_) return absl::OkStatus();
  RETURN_IF_ERROR(MakeReady(client, before_create, stop));
  RETURN_IF_ERROR(and_then());
  prepared_ = true;
  return absl::OkStatus();
}

// "EVENTS_DEDUPED", as Snowflake stores it.
std::string TargetTable::ViewNameHere() const {
  return StrCat(name_, absl::AsciiStrToUpper(ViewName(form_.record_type(), "")));
}

std::string TargetTable::quoted_view() const {
  const bool has_view = ViewQuery(SqlDialect::kSnowflake, form_, quoted_).has_value();
  return has_view ? spec_.QuotedTable(ViewNameHere()) : "";
}

absl::StatusOr<bool> TargetTable::IsListed(std::string_view kind, SqlClient& client,
                                           const std::stop_token& stop) {
  ASSIGN_OR_RETURN(
      const SqlResult found,
      client.Execute({.text = StrCat("SELECT TABLE_NAME FROM ", QuoteName(spec_.database),
                                     ".INFORMATION_SCHEMA.", kind,
                                     " WHERE TABLE_SCHEMA = ", QuoteText(spec_.schema),
                                     " AND TABLE_NAME = ", QuoteText(ViewNameHere())),
                      .in_schema = false},
                     stop));
  return !found.rows.empty();
}

absl::Status TargetTable::CreateView(SqlClient& client, const std::stop_token& stop) {
  const std::string view = quoted_view();
  if (view.empty()) return absl::OkStatus();
  for (const std::string_view kind : {"VIEWS", "TABLES"}) {
    ASSIGN_OR_RETURN(const bool exists, IsListed(kind, client, stop));
    if (exists) return absl::OkStatus();
  }
  const std::string query = *ViewQuery(SqlDialect::kSnowflake, form_, quoted_);
  const absl::Status made =
      Run(client, StrCat("CREATE VIEW IF NOT EXISTS ", view, " AS ", query), stop);
  return made.ok() ? made : MayNotCreate(spec_, made, StrCat("the view ", view));
}

absl::Status TargetTable::Drop(SqlClient& client, const std::stop_token& stop) {
  const std::string view = quoted_view();
  absl::Status dropped = absl::OkStatus();
  if (!view.empty()) {
    const absl::StatusOr<bool> exists = IsListed("VIEWS", client, stop);
    dropped = exists.status();
    if (exists.ok() && *exists) {
      dropped = Run(client, StrCat("DROP VIEW IF EXISTS ", view), stop);
    }
  }
  if (dropped.ok()) dropped = Run(client, StrCat("DROP TABLE IF EXISTS ", quoted_), stop);
  absl::MutexLock lock(&preparing_);
  prepared_ = false;
  // Without the database or the schema there is no table either.
  if (absl::IsNotFound(dropped)) return absl::OkStatus();
  return Annotate(dropped, StrCat("dropping ", quoted_));
}

}  // namespace millrace::snowflake
