#include "connectors/postgres/target_table.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/time/civil_time.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/postgres/sql_text.h"
#include "connectors/postgres/write_errors.h"

namespace millrace::postgres {
namespace {

// Of processes that make tables at the same time, which IF NOT EXISTS alone does not order.
constexpr char kLockDdl[] = "SELECT pg_advisory_xact_lock(7883949219085214566); ";

// Days before 2000 and far in the future are mistakes of clocks: each would be a table.
constexpr int32_t kFirstDay = 10957;
constexpr absl::Duration kMaxAhead = absl::Hours(24 * 7);

std::string_view SqlType(ColumnType type) {
  switch (type) {
    case ColumnType::kText:
      return "text";
    case ColumnType::kInteger:
      return "bigint";
    case ColumnType::kNumber:
      return "double precision";
    case ColumnType::kBoolean:
      return "boolean";
    case ColumnType::kTime:
      return "timestamptz";
    case ColumnType::kJson:
      return "jsonb";
  }
  return "text";
}

// Whether a column of the type `actual`, as format_type() writes it, takes the texts of `type`.
bool Takes(ColumnType type, std::string_view actual) {
  const auto is_one_of = [&](std::initializer_list<std::string_view> types) {
    return std::find(types.begin(), types.end(), actual) != types.end();
  };
  switch (type) {
    case ColumnType::kText:
      return is_one_of({"text", "character varying", "citext", "uuid"});
    case ColumnType::kInteger:
      return is_one_of({"bigint", "integer", "numeric", "text"});
    case ColumnType::kNumber:
      return is_one_of({"double precision", "numeric", "text"});
    case ColumnType::kBoolean:
      return is_one_of({"boolean", "text"});
    case ColumnType::kTime:
      return is_one_of({"timestamp with time zone", "timestamp without time zone"});
    case ColumnType::kJson:
      return is_one_of({"jsonb", "json", "text"});
  }
  return false;
}

std::string CopySql(const TableName& name, const std::vector<std::string>& columns) {
  std::string sql = StrCat("COPY ", name.Quoted(), " (");
  for (size_t i = 0; i < columns.size(); ++i) {
    StrAppend(&sql, i == 0 ? "" : ", ", QuoteName(columns[i]));
  }
  return sql + ") FROM STDIN";
}

std::vector<std::string> ColumnNames(Form form, const TableForm& table_form) {
  if (form != Form::kTable) return {"record", "insert_time"};
  std::vector<std::string> names;
  for (const Column& column : table_form.columns()) names.push_back(column.name);
  return names;
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

std::string DayText(int32_t day) { return absl::FormatCivilTime(absl::CivilDay(1970, 1, 1) + day); }

}  // namespace

TargetTable::TargetTable(const TableSpec& spec, TableForm form)
    : name_(spec.tables.at(form.record_type())),
      spec_form_(spec.form),
      table_form_(std::move(form)),
      partitioned_(spec.partition_by_day && table_form_.record_type() == RecordType::kEvent),
      add_columns_(spec.add_columns),
      cursor_tables_(name_.schema),
      copy_sql_(CopySql(name_, ColumnNames(spec_form_, table_form_))) {}

std::vector<TargetTable::ColumnSql> TargetTable::Columns() const {
  if (spec_form_ != Form::kTable) {
    return {{"record", ColumnType::kJson, true, false},
            {"insert_time", ColumnType::kTime, true, false}};
  }
  std::vector<ColumnSql> columns;
  const size_t standard = table_form_.standard_columns();
  for (size_t i = 0; i < table_form_.columns().size(); ++i) {
    const Column& column = table_form_.columns()[i];
    columns.push_back(
        {column.name, column.type, i < standard && column.name == "insert_time", i >= standard});
  }
  return columns;
}

std::string TargetTable::CreateTableSql() const {
  std::string sql = StrCat("CREATE TABLE IF NOT EXISTS ", name_.Quoted(), " (");
  bool first = true;
  for (const ColumnSql& column : Columns()) {
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
  if (spec_form_ != Form::kTable) return sql;
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

absl::Status TargetTable::Create(Connection& connection, const std::stop_token& stop) {
  const auto is_missing = [](std::string_view function, std::string_view quoted) {
    return StrCat(function, "(", QuoteText(quoted), ") IS NULL");
  };
  ASSIGN_OR_RETURN(
      const Rows missing,
      connection.Query(StrCat("SELECT ", is_missing("to_regnamespace", QuoteName(name_.schema)),
                              ", ", is_missing("to_regclass", name_.Quoted()), ", ",
                              is_missing("to_regclass", cursor_tables_.writers()), " OR ",
                              is_missing("to_regclass", cursor_tables_.delivered())),
                       stop));
  std::string sql;
  if (missing.True(0, 0))
    StrAppend(&sql, "CREATE SCHEMA IF NOT EXISTS ", QuoteName(name_.schema), "; ");
  if (missing.True(0, 1)) sql += CreateTableSql();
  if (missing.True(0, 2)) sql += cursor_tables_.CreateSql();
  if (sql.empty()) return absl::OkStatus();
  const absl::Status made = connection.Query(StrCat(kLockDdl, sql), stop).status();
  if (!absl::IsPermissionDenied(made)) return Annotate(made, StrCat("creating ", name_.Text()));
  return absl::PermissionDeniedError(StrCat(
      "creating ", name_.Text(), " and the tables millrace_writers and millrace_delivered: ",
      made.message(), ". Let a role that may create them run `millrace destinations create`, or ",
      "GRANT CREATE ON SCHEMA ", QuoteName(name_.schema), " TO the role of the import"));
}

// No CASCADE: views that others made of the table are theirs. Partitions are dropped with it.
absl::Status TargetTable::Drop(Connection& connection, const std::string& destination,
                               const std::stop_token& stop) {
  const std::string& writers = cursor_tables_.writers();
  const std::string& delivered = cursor_tables_.delivered();
  const auto drop = [&]() -> absl::Status {
    const std::string exist = StrCat("to_regclass(", QuoteText(writers), ") IS NOT NULL AND ",
                                     "to_regclass(", QuoteText(delivered), ") IS NOT NULL");
    ASSIGN_OR_RETURN(const Rows has,
                     connection.Query(StrCat(kBegin, kLockDdl, "DROP TABLE IF EXISTS ",
                                             name_.Quoted(), "; SELECT ", exist),
                                      stop));
    if (!has.True(0, 0)) return connection.Commit(stop);
    ASSIGN_OR_RETURN(
        const Rows left,
        connection.Query(StrCat("LOCK TABLE ", writers, ", ", delivered, "; DELETE FROM ",
                                delivered, " WHERE object IN (SELECT object FROM ", writers,
                                " WHERE destination = ", QuoteText(destination), "); DELETE FROM ",
                                writers, " WHERE destination = ", QuoteText(destination),
                                "; SELECT EXISTS (SELECT 1 FROM ", writers, ")"),
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

absl::Status TargetTable::CheckColumns(Connection& connection, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      connection.Query(
          StrCat("SELECT attname, format_type(atttypid, NULL), attnotnull AND NOT atthasdef AND "
                 "attidentity = '', relkind FROM pg_attribute JOIN pg_class c ON c.oid = attrelid "
                 "WHERE attrelid = to_regclass(",
                 QuoteText(name_.Quoted()), ") AND attnum > 0 AND NOT attisdropped"),
          stop));
  if (rows.size() == 0) {
    return absl::NotFoundError(
        StrCat("there is no table ", name_.Text(), ": run `millrace destinations create`"));
  }
  if (partitioned_ && rows.Text(0, 3) != "p") {
    return absl::FailedPreconditionError(
        StrCat("the table ", name_.Text(),
               " exists and is not partitioned: leave partition=day out, or name another table"));
  }
  std::map<std::string, size_t, std::less<>> found;
  for (size_t row = 0; row < rows.size(); ++row) found.emplace(rows.Text(row, 0), row);
  for (const ColumnSql& column : Columns()) {
    const auto actual = found.find(column.name);
    if (actual == found.end()) {
      return absl::FailedPreconditionError(
          StrCat("the table ", name_.Text(), " has no column ", column.name, ": ALTER TABLE ",
                 name_.Quoted(), " ADD COLUMN ", QuoteName(column.name), " ", SqlType(column.type),
                 column.extra ? ", or add_columns=true" : ""));
    }
    const std::string_view type = rows.Text(actual->second, 1);
    if (!Takes(column.type, type)) {
      return absl::FailedPreconditionError(
          StrCat("the column ", column.name, " of the table ", name_.Text(), " has the type ", type,
                 " and should have the type ", SqlType(column.type),
                 ": change it, or name another table"));
    }
    found.erase(actual);
  }
  for (const auto& [column, row] : found) {
    if (!rows.True(row, 2)) continue;
    return absl::FailedPreconditionError(
        StrCat("the column ", column, " of the table ", name_.Text(),
               " is NOT NULL, has no default, and Millrace does not fill it: ALTER TABLE ",
               name_.Quoted(), " ALTER COLUMN ", QuoteName(column), " DROP NOT NULL"));
  }
  return absl::OkStatus();
}

absl::Status TargetTable::AddColumns(Connection& connection, const std::stop_token& stop) {
  std::string sql;
  for (const ColumnSql& column : Columns()) {
    if (!column.extra) continue;
    StrAppend(&sql, sql.empty() ? "" : ", ", "ADD COLUMN IF NOT EXISTS ", QuoteName(column.name),
              " ", SqlType(column.type));
  }
  if (sql.empty()) return absl::OkStatus();
  return Annotate(
      connection.Query(StrCat(kLockDdl, "ALTER TABLE ", name_.Quoted(), " ", sql), stop).status(),
      StrCat("adding columns to ", name_.Text()));
}

absl::Status TargetTable::Prepare(Connection& connection, const std::stop_token& stop) {
  absl::MutexLock lock(&preparing_);
  if (prepared_) return absl::OkStatus();
  const absl::Status prepared = MakeReady(connection, stop);
  prepared_ = prepared.ok();
  return Explain(prepared, connection.error(), name_);
}

absl::Status TargetTable::MakeReady(Connection& connection, const std::stop_token& stop) {
  RETURN_IF_ERROR(Create(connection, stop));
  absl::Status fits = CheckColumns(connection, stop);
  if (absl::IsFailedPrecondition(fits) && add_columns_) {
    RETURN_IF_ERROR(AddColumns(connection, stop));
    fits = CheckColumns(connection, stop);
  }
  return fits;
}

// A day whose rows are in the default partition already cannot have one: they stay together there.
absl::Status TargetTable::AddPartitions(Connection& connection, absl::Span<const int32_t> days,
                                        absl::Time now, const std::stop_token& stop) {
  if (!partitioned_) return absl::OkStatus();
  absl::MutexLock lock(&preparing_);
  const auto last = static_cast<int32_t>(absl::ToUnixSeconds(now + kMaxAhead) / (24 * 60 * 60));
  for (const int32_t day : days) {
    if (day < kFirstDay || day > last || days_.contains(day)) continue;
    std::string suffix = DayText(day);
    suffix.erase(std::remove(suffix.begin(), suffix.end(), '-'), suffix.end());
    const absl::Status made =
        connection
            .Query(StrCat(kLockDdl, "CREATE TABLE IF NOT EXISTS ",
                          QuoteTable(name_.schema, StrCat(name_.table, "_p", suffix)),
                          " PARTITION OF ", name_.Quoted(), " FOR VALUES FROM ('", DayText(day),
                          " 00:00+00') TO ('", DayText(day + 1), " 00:00+00')"),
                   stop)
            .status();
    const std::string& state = connection.error().state;
    if (!made.ok() && state != "23514" && state != "42P17") {
      return Annotate(made, StrCat("adding a partition to ", name_.Text()));
    }
    days_.insert(day);
  }
  return absl::OkStatus();
}

}  // namespace millrace::postgres
