#include "connectors/redshift/target_table.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "postgres_client/sql_text.h"
#include "records/standard_columns.h"
#include "sql_delivery/cursor_sql.h"

namespace millrace::redshift {
namespace {

using postgres::QuoteName;

// Processes that start together create the tables together, of which one succeeds.
constexpr int kMaxCreations = 5;
constexpr std::string_view kCursorText = "VARCHAR(65535)";

std::vector<TableColumn> ColumnsOf(const TableForm& form) {
  const absl::Span<const StandardColumn> standard = StandardColumns(form.record_type());
  std::vector<TableColumn> columns;
  for (size_t i = 0; i < form.columns().size(); ++i) {
    const Column& column = form.columns()[i];
    const bool extra = i >= form.standard_columns();
    columns.push_back({.name = absl::AsciiStrToLower(column.name),
                       .type = column.type,
                       .required = !extra && standard[i].required,
                       .extra = extra});
  }
  return columns;
}

std::string ListOf(const std::vector<TableColumn>& columns) {
  std::string list;
  for (const TableColumn& column : columns) {
    StrAppend(&list, list.empty() ? "" : ", ", QuoteName(column.name));
  }
  return list;
}

std::string Lower(const std::optional<std::string>& text) {
  return absl::AsciiStrToLower(text.value_or(""));
}

// Whether a column of the type `found`, as SVV_COLUMNS calls it, takes values of `type`.
bool Takes(std::string_view found, ColumnType type) {
  const auto is_of = [found](std::initializer_list<std::string_view> names) {
    return std::any_of(names.begin(), names.end(), [found](std::string_view name) {
      return absl::StartsWith(ToAbsl(found), ToAbsl(name));
    });
  };
  switch (type) {
    case ColumnType::kText:
      return is_of({"character varying", "varchar", "text"});
    case ColumnType::kInteger:
      return is_of({"bigint"});
    case ColumnType::kNumber:
      return is_of({"double precision"});
    case ColumnType::kBoolean:
      return is_of({"boolean"});
    case ColumnType::kTime:
      return is_of({"timestamp"});
    case ColumnType::kJson:
      return is_of({"super"});
  }
  return false;
}

// Whether another process has made what was to be made.
bool IsOthersCreation(const absl::Status& status) {
  return !status.ok() && (absl::StrContains(status.message(), "already exists") ||
                          absl::StrContains(status.message(), "duplicate key"));
}

}  // namespace

std::string_view SqlType(ColumnType type) {
  switch (type) {
    case ColumnType::kText:
      return "VARCHAR(65535)";
    case ColumnType::kInteger:
      return "BIGINT";
    case ColumnType::kNumber:
      return "DOUBLE PRECISION";
    case ColumnType::kBoolean:
      return "BOOLEAN";
    case ColumnType::kTime:
      return "TIMESTAMP";
    case ColumnType::kJson:
      return "SUPER";
  }
  return "";
}

std::vector<TableProblem> FindProblems(const TextRows& found,
                                       const std::vector<TableColumn>& wanted,
                                       const std::string& table) {
  std::vector<TableProblem> problems;
  const std::string alter = StrCat("ALTER TABLE ", table);
  for (const TableColumn& column : wanted) {
    const auto row = std::find_if(found.begin(), found.end(), [&](const auto& cells) {
      return !cells.empty() && cells[0] == column.name;
    });
    if (row == found.end()) {
      problems.push_back(
          {StrCat("it has no column ", column.name),
           StrCat(alter, " ADD COLUMN ", QuoteName(column.name), " ", SqlType(column.type)),
           column.extra});
    } else if (row->size() > 1 && !Takes(Lower((*row)[1]), column.type)) {
      problems.push_back({StrCat("its column ", column.name, " is ",
                                 (*row)[1].value_or("of no type"), ", not ", SqlType(column.type)),
                          "use another table, or make a column of that type in its place"});
    }
  }
  for (const auto& cells : found) {
    if (cells.size() < 4 || !cells[0]) continue;
    const bool is_ours = std::any_of(wanted.begin(), wanted.end(), [&](const TableColumn& column) {
      return column.name == *cells[0];
    });
    const bool needs_value = Lower(cells[2]) == "no" && !cells[3];
    if (is_ours || !needs_value) continue;
    problems.push_back({StrCat("its column ", *cells[0],
                               " is NOT NULL without a default, and "
                               "nothing would fill it"),
                        "use another table, or drop the column"});
  }
  return problems;
}

TargetTable::TargetTable(const RedshiftSpec& spec, RecordType type, TableForm form)
    : spec_(spec),
      form_(std::move(form)),
      name_(spec.tables.at(type)),
      destination_(spec.LedgerName(type)),
      columns_(ColumnsOf(form_)),
      column_list_(ListOf(columns_)),
      dialect_(spec.schema, name_, spec.uses_data_api()) {
  dialect_.set_columns(column_list_);
}

std::string TargetTable::CreateTableSql() const {
  std::string sql = StrCat("CREATE TABLE ", dialect_.table(), " (");
  for (size_t i = 0; i < columns_.size(); ++i) {
    StrAppend(&sql, i == 0 ? "" : ", ", QuoteName(columns_[i].name), " ", SqlType(columns_[i].type),
              columns_[i].required ? " NOT NULL" : "");
  }
  return sql + ")";
}

absl::StatusOr<bool> TargetTable::HasSchema(SqlSession& session, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const TextRows rows,
                   session.Query(StrCat("SELECT 1 FROM pg_namespace WHERE nspname = ",
                                        dialect_.QuoteText(spec_.schema)),
                                 stop));
  return !rows.empty();
}

absl::StatusOr<std::vector<std::string>> TargetTable::TablesAmong(
    const std::vector<std::string>& names, SqlSession& session, const std::stop_token& stop) {
  std::string list;
  for (const std::string& name : names) {
    StrAppend(&list, list.empty() ? "" : ", ", dialect_.QuoteText(name));
  }
  ASSIGN_OR_RETURN(
      const TextRows rows,
      session.Query(StrCat("SELECT DISTINCT table_name FROM svv_columns WHERE table_schema = ",
                           dialect_.QuoteText(spec_.schema), " AND table_name IN (", list, ")"),
                    stop));
  std::vector<std::string> found;
  for (const auto& row : rows) {
    if (!row.empty() && row[0]) found.push_back(*row[0]);
  }
  return found;
}

std::vector<std::string> TargetTable::StateTables() const {
  if (spec_.method == Method::kCopy) return {dialect_.commits_name()};
  return {dialect_.writers_name(), dialect_.delivered_name()};
}

// What is known of the rows of an earlier table.
std::vector<std::string> TargetTable::ForgetStatements() const {
  if (spec_.method == Method::kCopy) return {StrCat("DELETE FROM ", dialect_.commits())};
  return sql_delivery::ForgetAllScript(dialect_, destination_).statements;
}

absl::Status TargetTable::CheckLoss(const std::vector<std::string>& found,
                                    absl::Span<const Intent> open) const {
  const auto exists = [&found](const std::string& name) {
    return std::find(found.begin(), found.end(), name) != found.end();
  };
  if (!exists(name_)) return absl::OkStatus();
  std::vector<std::string> missing, others;
  for (const std::string& name : StateTables()) {
    (exists(name) ? others : missing).push_back(StrCat(spec_.schema, ".", name));
  }
  if (missing.empty()) return absl::OkStatus();
  const std::string table = StrCat(spec_.schema, ".", name_);
  if (spec_.method == Method::kCopy && !open.empty()) {
    return CommitsAreGone(StrCat("the commit ", open.front().id, ", which is open in the ledger,"));
  }
  if (others.empty()) {
    Log(Severity::kWarning,
        "the table exists and has no record of what was delivered: a new one is begun, and rows "
        "that are there are not known to it",
        {{"table", table}, {"record", missing[0]}});
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      StrCat("the cursor of ", table, " is gone (", missing[0],
             " is missing): rows that were delivered before would be there twice; restore it (or "
             "GRANT SELECT, INSERT, DELETE on it, if it exists), or drop ",
             others[0], " too to begin a new one"));
}

absl::Status TargetTable::RequireKnownCommits(SqlSession& session, const std::stop_token& stop) {
  const std::string& commits = dialect_.commits_name();
  ASSIGN_OR_RETURN(const std::vector<std::string> found,
                   TablesAmong({name_, commits}, session, stop));
  if (std::find(found.begin(), found.end(), name_) == found.end()) return absl::OkStatus();
  // Another process may have made it meanwhile.
  if (found.size() == 2) return absl::UnavailableError("the table of commits has just been made");
  return CommitsAreGone("a commit that is still open");
}

absl::Status TargetTable::CommitsAreGone(std::string_view which) const {
  return absl::FailedPreconditionError(StrCat(
      "the record of commits of ", spec_.schema, ".", name_, " is gone (", spec_.schema, ".",
      dialect_.commits_name(), " is missing): ", which,
      " may have been loaded, and would be there twice; restore it (or GRANT SELECT, INSERT, "
      "DELETE on it, if it exists), or drop ",
      spec_.schema, ".", name_, " too and send everything again with --force"));
}

absl::Status TargetTable::CreateMissing(SqlSession& session, absl::Span<const Intent> open,
                                        const std::stop_token& stop) {
  std::vector<std::string> names = StateTables();
  names.push_back(name_);
  ASSIGN_OR_RETURN(const std::vector<std::string> found, TablesAmong(names, session, stop));
  if (found.size() == names.size()) return absl::OkStatus();
  RETURN_IF_ERROR(CheckLoss(found, open));
  std::vector<std::string> statements;
  ASSIGN_OR_RETURN(const bool has_schema, HasSchema(session, stop));
  if (!has_schema) {
    statements.push_back(StrCat("CREATE SCHEMA IF NOT EXISTS ", QuoteName(spec_.schema)));
  }
  if (spec_.method == Method::kCopy) {
    statements.push_back(StrCat("CREATE TABLE IF NOT EXISTS ", dialect_.commits(),
                                " (commit_id VARCHAR(64) NOT NULL, outcome VARCHAR(16) NOT NULL)"));
  } else {
    statements.push_back(StrCat("CREATE TABLE IF NOT EXISTS ", dialect_.writers(), " (",
                                sql_delivery::WritersColumns(kCursorText), ")"));
    statements.push_back(StrCat("CREATE TABLE IF NOT EXISTS ", dialect_.delivered(), " (",
                                sql_delivery::DeliveredColumns(kCursorText, "BIGINT"), ")"));
  }
  if (std::find(found.begin(), found.end(), name_) == found.end()) {
    // It fails if another process has made the table meanwhile, which may have rows by now.
    statements.push_back(CreateTableSql());
    for (std::string& statement : ForgetStatements()) statements.push_back(std::move(statement));
  }
  return session.Execute(statements, std::nullopt, stop).status();
}

absl::StatusOr<std::vector<TableProblem>> TargetTable::Problems(SqlSession& session,
                                                                const std::stop_token& stop) {
  ASSIGN_OR_RETURN(
      const TextRows rows,
      session.Query(
          StrCat("SELECT column_name, data_type, is_nullable, column_default FROM "
                 "svv_columns WHERE table_schema = ",
                 dialect_.QuoteText(spec_.schema), " AND table_name = ", dialect_.QuoteText(name_)),
          stop));
  if (rows.empty()) {
    return absl::NotFoundError(StrCat("there is no table ", spec_.schema, ".", name_));
  }
  return FindProblems(rows, columns_, dialect_.table());
}

absl::Status TargetTable::AddColumns(SqlSession& session, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const std::vector<TableProblem> problems, Problems(session, stop));
  for (const TableProblem& problem : problems) {
    const bool adds = problem.is_missing_extra && spec_.add_columns;
    if (adds) {
      const absl::Status added = session.Execute({problem.remedy}, std::nullopt, stop).status();
      // Another process may have added it.
      if (!added.ok() && !absl::StrContains(added.message(), "already exists")) return added;
      continue;
    }
    return absl::FailedPreconditionError(
        StrCat("table ", spec_.schema, ".", name_, ": ", problem.message, "; ", problem.remedy,
               problem.is_missing_extra ? ", or add_columns=true in the DEST" : ""));
  }
  return absl::OkStatus();
}

// One character: the backslash escapes the next one.
absl::Status TargetTable::LearnBackslash(SqlSession& session, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const TextRows rows, session.Query(R"(SELECT CHAR_LENGTH('\\'))", stop));
  const std::string length = rows.empty() || rows[0].empty() ? "" : rows[0][0].value_or("");
  if (length != "1" && length != "2") {
    return absl::FailedPreconditionError(
        StrCat("Redshift says that '\\\\' has ", length, " characters"));
  }
  dialect_.set_backslash(length == "1" ? Backslash::kEscape : Backslash::kPlain);
  return absl::OkStatus();
}

absl::Status TargetTable::MakeReady(SqlSession& session, absl::Span<const Intent> open,
                                    const std::stop_token& stop) {
  RETURN_IF_ERROR(LearnBackslash(session, stop));
  absl::Status created = CreateMissing(session, open, stop);
  for (int tries = 1; tries < kMaxCreations && IsOthersCreation(created); ++tries) {
    created = CreateMissing(session, open, stop);
  }
  RETURN_IF_ERROR(created);
  return AddColumns(session, stop);
}

absl::Status TargetTable::Prepare(SqlSession& session, const std::stop_token& stop) {
  absl::MutexLock lock(&preparing_);
  if (prepared_) return absl::OkStatus();
  RETURN_IF_ERROR(MakeReady(session, {}, stop));
  prepared_ = true;
  return absl::OkStatus();
}

void TargetTable::NotReady() {
  absl::MutexLock lock(&preparing_);
  prepared_ = false;
}

absl::Status TargetTable::Drop(SqlSession& session, const std::stop_token& stop) {
  return session
      .Execute({StrCat("DROP TABLE IF EXISTS ", dialect_.table()),
                StrCat("DROP TABLE IF EXISTS ", dialect_.delivered()),
                StrCat("DROP TABLE IF EXISTS ", dialect_.writers()),
                StrCat("DROP TABLE IF EXISTS ", dialect_.commits())},
               std::nullopt, stop)
      .status();
}

}  // namespace millrace::redshift
