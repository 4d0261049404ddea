#include "connectors/postgres/target_table.h"

#include <algorithm>
#include <utility>

#include "absl/time/civil_time.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/postgres/table_view.h"
#include "postgres_client/sql_text.h"
#include "records/view_sql.h"

namespace millrace::postgres {
namespace {

// Days before 2000 and far in the future are mistakes of clocks: each would be a table.
constexpr int32_t kFirstDay = 10957;
constexpr absl::Duration kMaxAhead = absl::Hours(24 * 7);

std::string ColumnList(const std::vector<TableColumn>& columns) {
  std::string list;
  for (const TableColumn& column : columns) {
    StrAppend(&list, list.empty() ? "" : ", ", QuoteName(column.name));
  }
  return list;
}

std::string CopySql(const TableName& name, std::string_view column_list) {
  return StrCat("COPY ", name.Quoted(), " (", column_list, ") FROM STDIN");
}

// Few, since each makes loading slower by about a fifth: what nearly every query filters by.
std::vector<std::vector<std::string>> IndexedColumns(RecordType type) {
  switch (type) {
    case RecordType::kEvent:
      return {{"event_time"}, {"distinct_id"}};
    case RecordType::kUser:
      return {{"distinct_id"}};
    case RecordType::kGroup:
      return {{"group_key", "group_id"}};
  }
  return {};
}

// In a transaction of its own.
absl::Status Define(Connection& connection, const std::string& sql, const std::stop_token& stop,
                    bool patient = false) {
  absl::Status made =
      patient
          ? connection.Query(StrCat(kBegin, kAllowAnHour, kLockDdl, sql), stop, kAnHour).status()
          : connection.Query(StrCat(kBegin, kLockDdl, sql), stop).status();
  if (made.ok()) made = connection.Commit(stop);
  connection.Rollback();
  return made;
}

std::string DayText(int32_t day) { return absl::FormatCivilTime(absl::CivilDay(1970, 1, 1) + day); }

}  // namespace

TargetTable::TargetTable(const TableSpec& spec, TableForm form)
    : name_(spec.tables.at(form.record_type())),
      destination_(spec.LedgerName(form.record_type())),
      form_(spec.form),
      table_form_(std::move(form)),
      view_{.schema = name_.schema, .table = ViewName(table_form_.record_type(), name_.table)},
      partitioned_(spec.partition_by_day && table_form_.record_type() == RecordType::kEvent),
      add_columns_(spec.add_columns),
      columns_(ColumnsOf(form_, table_form_)),
      cursor_tables_(name_.schema),
      column_list_(ColumnList(columns_)),
      copy_sql_(CopySql(name_, column_list_)) {}

TargetTable::TargetTable(const TargetTable& other, std::string_view name)
    : name_{.schema = other.name_.schema, .table = std::string(name)},
      like_(other.name_.Quoted()),
      destination_(other.destination_),
      form_(other.form_),
      table_form_(other.table_form_),
      view_(other.view_),
      partitioned_(false),
      add_columns_(false),
      columns_(other.columns_),
      cursor_tables_(name_.schema, name),
      column_list_(other.column_list_),
      copy_sql_(CopySql(name_, column_list_)) {}

std::string TargetTable::CreateTableSql() const {
  if (!like_.empty()) {
    return StrCat("CREATE TABLE ", name_.Quoted(), " (LIKE ", like_,
                  " INCLUDING ALL EXCLUDING INDEXES EXCLUDING STATISTICS); ");
  }
  std::string sql = StrCat("CREATE TABLE IF NOT EXISTS ", name_.Quoted(), " (");
  bool first = true;
  for (const TableColumn& column : columns_) {
    StrAppend(&sql, first ? "" : ", ", QuoteName(column.name), " ", SqlType(column.type),
              column.required ? " NOT NULL" : "");
    first = false;
  }
  StrAppend(&sql, partitioned_ ? ") PARTITION BY RANGE (event_time); " : "); ");
  if (partitioned_) {
    StrAppend(&sql, "CREATE TABLE IF NOT EXISTS ",
              QuoteTable(name_.schema, name_.table + "_default"), " PARTITION OF ", name_.Quoted(),
              " DEFAULT; ");
  }
  if (form_ != Form::kTable) return sql;
  for (const std::vector<std::string>& columns : IndexedColumns(table_form_.record_type())) {
    std::string index = name_.table, list;
    for (const std::string& column : columns) {
      StrAppend(&index, "_", column);
      StrAppend(&list, list.empty() ? "" : ", ", QuoteName(column));
    }
    StrAppend(&sql, "CREATE INDEX IF NOT EXISTS ", QuoteName(index + "_idx"), " ON ",
              name_.Quoted(), " (", list, "); ");
  }
  return sql;
}

// Not to_regclass(), which may not see what another process made since the transaction began.
std::string TargetTable::MissingSql() const {
  const std::string schema = StrCat("nspname = ", QuoteText(name_.schema));
  const auto is_missing = [&](std::string_view table) {
    return StrCat("NOT EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = ",
                  "relnamespace WHERE ", schema, " AND relname = ", QuoteText(table), ")");
  };
  return StrCat("SELECT NOT EXISTS (SELECT 1 FROM pg_namespace WHERE ", schema, "), ",
                is_missing(name_.table), ", ", is_missing(cursor_tables_.writers_name()), " OR ",
                is_missing(cursor_tables_.delivered_name()));
}

absl::Status TargetTable::Create(Connection& connection, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const Rows missing, connection.Query(MissingSql(), stop));
  if (!missing.True(0, 0) && !missing.True(0, 1) && !missing.True(0, 2)) return absl::OkStatus();
  absl::Status made = CreateMissing(connection, stop);
  if (made.ok()) made = connection.Commit(stop);
  connection.Rollback();
  if (!absl::IsPermissionDenied(made)) return Annotate(made, StrCat("creating ", name_.Text()));
  return absl::PermissionDeniedError(
      StrCat("creating ", name_.Text(), " and the tables ", cursor_tables_.writers_name(), " and ",
             cursor_tables_.delivered_name(), ": ", made.message(),
             ". Let a role that may create them run `millrace destinations create`, or ",
             "GRANT CREATE ON SCHEMA ", QuoteName(name_.schema), " TO the role of the import"));
}

// In a transaction that it leaves open. What is missing is asked again under the lock: another
// process may have made the table and written to it meanwhile.
absl::Status TargetTable::CreateMissing(Connection& connection, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const Rows missing,
                   connection.Query(StrCat(kBegin, kLockDdl, MissingSql()), stop));
  std::string sql;
  if (missing.True(0, 0)) {
    sql = StrCat("CREATE SCHEMA IF NOT EXISTS ", QuoteName(name_.schema), "; ");
  }
  if (missing.True(0, 1)) sql += CreateTableSql();
  if (missing.True(0, 2)) {
    sql += cursor_tables_.CreateSql();
  } else if (missing.True(0, 1)) {
    sql += cursor_tables_.ForgetAllSql(destination_);
  }
  return sql.empty() ? absl::OkStatus() : connection.Query(sql, stop).status();
}

// In the order in which writes and replacements lock them, so that they do not wait for each other.
std::string TargetTable::DropAllSql() const {
  return StrCat("DROP TABLE IF EXISTS ", name_.Quoted(), ", ", cursor_tables_.writers(), ", ",
                cursor_tables_.delivered(), "; ");
}

absl::Status TargetTable::DropIf(Connection& connection, std::string_view held,
                                 const std::stop_token& stop) {
  const absl::StatusOr<Rows> rows = connection.Query(StrCat(kBegin, kLockDdl, held), stop);
  absl::Status dropped = rows.status();
  if (rows.ok() && rows->size() > 0) {
    dropped = connection.Query(DropAllSql(), stop).status();
    if (dropped.ok()) dropped = connection.Commit(stop);
  }
  connection.Rollback();
  return Annotate(dropped, StrCat("dropping ", name_.Text()));
}

// No CASCADE: views that others made of the table are theirs. Partitions are dropped with it, and
// our own view before it.
absl::Status TargetTable::Drop(Connection& connection, const std::stop_token& stop) {
  const std::string& writers = cursor_tables_.writers();
  const std::string& delivered = cursor_tables_.delivered();
  const auto drop = [&]() -> absl::Status {
    if (!like_.empty()) return Define(connection, DropAllSql(), stop);
    const std::string exist = StrCat("to_regclass(", QuoteText(writers), ") IS NOT NULL AND ",
                                     "to_regclass(", QuoteText(delivered), ") IS NOT NULL");
    RETURN_IF_ERROR(connection.Query(StrCat(kBegin, kLockDdl), stop).status());
    ASSIGN_OR_RETURN(const std::string drop_view, DropViewSql(connection, view_, stop));
    ASSIGN_OR_RETURN(const Rows has, connection.Query(StrCat(drop_view, "DROP TABLE IF EXISTS ",
                                                             name_.Quoted(), "; SELECT ", exist),
                                                      stop));
    if (!has.True(0, 0)) return connection.Commit(stop);
    ASSIGN_OR_RETURN(const Rows left,
                     connection.Query(StrCat("LOCK TABLE ", writers, ", ", delivered, "; ",
                                             cursor_tables_.ForgetAllSql(destination_),
                                             "SELECT EXISTS (SELECT 1 FROM ", writers, ")"),
                                      stop));
    if (!left.True(0, 0)) {
      RETURN_IF_ERROR(
          connection.Query(StrCat("DROP TABLE ", writers, ", ", delivered), stop).status());
    }
    return connection.Commit(stop);
  };
  const absl::Status dropped = drop();
  connection.Rollback();
  absl::MutexLock lock(&preparing_);
  prepared_ = false;
  days_.clear();
  return Annotate(dropped, StrCat("dropping ", name_.Text()));
}

absl::Status TargetTable::MakeAnew(Connection& connection, std::string_view and_then,
                                   const std::stop_token& stop) {
  const absl::Status made =
      Define(connection,
             StrCat(DropAllSql(), CreateTableSql(), cursor_tables_.CreateSql(), and_then), stop);
  return Annotate(made, StrCat("creating ", name_.Text()));
}

absl::Status TargetTable::AddColumns(Connection& connection, const std::stop_token& stop) {
  std::string sql;
  for (const TableColumn& column : columns_) {
    if (!column.extra) continue;
    StrAppend(&sql, sql.empty() ? "" : ", ", "ADD COLUMN IF NOT EXISTS ", QuoteName(column.name),
              " ", SqlType(column.type));
  }
  if (sql.empty()) return absl::OkStatus();
  return Annotate(Define(connection, StrCat("ALTER TABLE ", name_.Quoted(), " ", sql), stop),
                  StrCat("adding columns to ", name_.Text()));
}

absl::Status TargetTable::Prepare(Connection& connection, const std::stop_token& stop) {
  if (collects()) return absl::OkStatus();
  absl::MutexLock lock(&preparing_);
  if (prepared_) return absl::OkStatus();
  RETURN_IF_ERROR(MakeReady(connection, stop));
  prepared_ = true;
  return absl::OkStatus();
}

absl::Status TargetTable::MakeReady(Connection& connection, const std::stop_token& stop) {
  RETURN_IF_ERROR(Create(connection, stop));
  ASSIGN_OR_RETURN(const std::vector<TableProblem> problems, Problems(connection, stop));
  if (problems.empty()) return absl::OkStatus();
  const bool can_add =
      add_columns_ && std::all_of(problems.begin(), problems.end(),
                                  [](const TableProblem& one) { return one.is_missing_extra; });
  if (can_add) {
    RETURN_IF_ERROR(AddColumns(connection, stop));
  }
  return CheckFits(connection, stop);
}

absl::Status TargetTable::CheckFits(Connection& connection, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const std::vector<TableProblem> problems, Problems(connection, stop));
  if (problems.empty()) return absl::OkStatus();
  const TableProblem& first = problems.front();
  return absl::FailedPreconditionError(StrCat(
      first.message, ": ", first.remedy, first.is_missing_extra ? ", or add_columns=true" : ""));
}

absl::StatusOr<std::vector<TableProblem>> TargetTable::Problems(Connection& connection,
                                                                const std::stop_token& stop) {
  return FindProblems(connection, name_, columns_, partitioned_, stop);
}

// A day whose rows are in the default partition already cannot have one: they stay together there.
absl::Status TargetTable::AddPartitions(Connection& connection, absl::Span<const int32_t> days,
                                        absl::Time now, const std::stop_token& stop, bool patient) {
  if (!partitioned_) return absl::OkStatus();
  absl::MutexLock lock(&preparing_);
  const auto last = static_cast<int32_t>(absl::ToUnixSeconds(now + kMaxAhead) / (24 * 60 * 60));
  for (const int32_t day : days) {
    if (day < kFirstDay || day > last || days_.contains(day)) continue;
    std::string suffix = DayText(day);
    suffix.erase(std::remove(suffix.begin(), suffix.end(), '-'), suffix.end());
    const absl::Status made =
        Define(connection,
               StrCat("CREATE TABLE IF NOT EXISTS ",
                      QuoteTable(name_.schema, StrCat(name_.table, "_p", suffix)), " PARTITION OF ",
                      name_.Quoted(), " FOR VALUES FROM ('", DayText(day), " 00:00+00') TO ('",
                      DayText(day + 1), " 00:00+00')"),
               stop, patient);
    const std::string& state = connection.error().state;
    if (absl::IsPermissionDenied(made)) {
      return absl::PermissionDeniedError(
          StrCat("adding a partition to ", name_.Text(), ": ", made.message(),
                 ". partition=day needs a role that owns the table"));
    }
    if (!made.ok() && state != "23514" && state != "42P17") {
      return Annotate(made, StrCat("adding a partition to ", name_.Text()));
    }
    days_.insert(day);
  }
  return absl::OkStatus();
}

}  // namespace millrace::postgres
