#include "connectors/postgres/postgres_replacement.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/pool.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/postgres/postgres_cursor.h"
#include "connectors/postgres/postgres_sink.h"
#include "connectors/postgres/write_errors.h"
#include "pipeline/shared_ledger.h"
#include "postgres_client/sql_text.h"

namespace millrace::postgres {
namespace {

constexpr char kUndefinedTable[] = "42P01";
constexpr size_t kHashDigits = 12;

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%E*S+00", time, absl::UTCTimeZone());
}

// What is true of a row in the scope.
std::string IsInScope(const Scope& scope) {
  std::string condition = "true";
  if (scope.since != absl::InfinitePast()) {
    StrAppend(&condition, " AND event_time >= ", QuoteText(TimeText(scope.since)));
  }
  if (scope.until != absl::InfiniteFuture()) {
    StrAppend(&condition, " AND event_time < ", QuoteText(TimeText(scope.until)));
  }
  return condition;
}

std::string ShortHash(std::string_view text) {
  return ToHex(HashBytes(text)).substr(0, kHashDigits);
}

class PostgresReplacement final : public Replacement {
 public:
  PostgresReplacement(const ReplacementParts& parts, const Scope& scope)
      : parts_(parts),
        in_scope_(IsInScope(scope)),
        collecting_(parts.table,
                    StrCat(CollectingPrefix(parts.table.name()), ShortHash(in_scope_))),
        cursor_(parts.address, collecting_),
        connections_(1, [this] { return std::make_unique<Connection>(parts_.address); }) {}

  absl::StatusOr<RowRanges> Claim(const LedgerKey& object, const std::string& writer,
                                  std::stop_token stop) override {
    RETURN_IF_ERROR(CheckIsUtf8(object, "PostgreSQL"));
    {
      absl::MutexLock lock(&mutex_);
      writer_ = writer;
      stored_ = 0;
    }
    RETURN_IF_ERROR(Use(stop, [&](Connection& connection) -> absl::Status {
      RETURN_IF_ERROR(parts_.table.Prepare(connection, stop));
      RETURN_IF_ERROR(CheckNothingFollows(connection, stop));
      return WithGrants(collecting_.MakeAnew(
          connection, collecting_.cursor_tables().ClaimSql(object, writer), stop));
    }));
    return RowRanges();
  }

  absl::Status Forget(const LedgerKey&, std::stop_token stop) override {
    return Use(stop, [&](Connection& connection) { return collecting_.Drop(connection, stop); });
  }

  std::unique_ptr<Sink> NewSink() override {
    return NewPostgresSink({.address = parts_.address,
                            .table = collecting_,
                            .cursor = cursor_,
                            .traffic = parts_.traffic,
                            .clock = parts_.clock,
                            .count_stored = [this](const std::string& writer, uint64_t rows) {
                              absl::MutexLock lock(&mutex_);
                              if (writer == writer_) stored_ += rows;
                            }});
  }

  absl::Status Publish(const LedgerKey& object, const std::string& writer,
                       std::stop_token stop) override {
    const std::string held = collecting_.cursor_tables().HeldSql(object, writer);
    return Use(stop, [&](Connection& connection) -> absl::Status {
      ASSIGN_OR_RETURN(const uint64_t rows, CountCollected(connection, held, writer, stop));
      RETURN_IF_ERROR(AddPartitions(connection, stop));
      RETURN_IF_ERROR(Replace(connection, held, rows, stop));
      // Otherwise the next claim drops it.
      const absl::Status dropped = collecting_.DropIf(connection, held, stop);
      if (!dropped.ok()) {
        Log(Severity::kWarning, "the table of rows that have replaced others is not dropped",
            {{"error", ToStd(dropped.message())}});
      }
      return absl::OkStatus();
    });
  }

 private:
  // Once more if the connection was lost since its last use.
  template <typename Call>
  absl::Status Use(const std::stop_token& stop, const Call& call) {
    const auto connection = connections_.Borrow(stop);
    if (!connection) return StopRequested();
    const bool was_connected = (*connection)->is_connected();
    absl::Status status = call(**connection);
    const bool was_lost = absl::IsUnavailable(status) && WasClosed((*connection)->error().state);
    if (was_connected && was_lost) status = call(**connection);
    (*connection)->Rollback();
    return Explain(status, (*connection)->error(), parts_.table.name());
  }

  // What to grant, if `status` is that a privilege is missing.
  absl::Status WithGrants(const absl::Status& status) const {
    if (!absl::IsPermissionDenied(status)) return status;
    const TableName& table = parts_.table.name();
    return absl::PermissionDeniedError(
        StrCat(status.message(), ". To replace rows, a role needs GRANT SELECT, INSERT, DELETE ON ",
               table.Quoted(), " and GRANT CREATE ON SCHEMA ", QuoteName(table.schema),
               "; tables that another role left are dropped by it, or by `millrace destinations ",
               "drop`"));
  }

  // FailedPrecondition: deleting rows would change those of other tables.
  absl::Status CheckNothingFollows(Connection& connection, const std::stop_token& stop) {
    ASSIGN_OR_RETURN(
        const Rows keys,
        connection.Query(StrCat("SELECT conname, conrelid::regclass FROM pg_constraint "
                                "WHERE contype = 'f' AND confdeltype IN ('c', 'n', 'd') "
                                "AND confrelid = to_regclass(",
                                QuoteText(parts_.table.name().Quoted()), ")"),
                         stop));
    if (keys.size() == 0) return absl::OkStatus();
    return absl::FailedPreconditionError(
        StrCat("rows of ", parts_.table.name().Text(), " cannot be replaced: the foreign key ",
               keys.Text(0, 0), " of ", keys.Text(0, 1),
               " would delete or change rows there. Drop it, or give it ON DELETE NO ACTION"));
  }

  // Aborted: another writer has claimed the scope, or has published it.
  absl::Status NoLongerHeld() const {
    return absl::AbortedError(
        StrCat(collecting_.name().Text(), " is another worker's by now, or was dropped"));
  }

  // Aborted if the result is of a query that `held` ends, and it is not.
  absl::Status CheckHeld(const Connection& connection, const absl::StatusOr<Rows>& result) const {
    if (connection.error().state == kUndefinedTable) return NoLongerHeld();
    RETURN_IF_ERROR(result.status());
    return result->size() == 0 ? NoLongerHeld() : absl::OkStatus();
  }

  // FailedPrecondition: rows are missing, or outside of the scope. Later writers are fenced, and
  // nobody else writes, so that this remains true.
  absl::StatusOr<uint64_t> CountCollected(Connection& connection, const std::string& held,
                                          const std::string& writer, const std::stop_token& stop) {
    RETURN_IF_ERROR(CheckHeld(connection, connection.Query(held, stop)));
    ASSIGN_OR_RETURN(const Rows counts,
                     connection.Query(StrCat("SELECT count(*), count(*) FILTER (WHERE (", in_scope_,
                                             ") IS NOT TRUE) FROM ", collecting_.name().Quoted()),
                                      stop, kAnHour));
    const uint64_t collected = counts.Number(0, 0), outside = counts.Number(0, 1);
    absl::MutexLock lock(&mutex_);
    if (writer != writer_) return NoLongerHeld();
    if (collected != stored_) {
      return absl::FailedPreconditionError(
          StrCat(collecting_.name().Text(), " has ", collected, " of the ", stored_,
                 " rows that were collected: the server has lost some, as in a failover, or "
                 "somebody has changed it. Nothing was replaced; run again"));
    }
    if (outside == 0) return collected;
    return absl::FailedPreconditionError(
        StrCat(outside, " of ", collected, " records are outside of what they replace (", in_scope_,
               ") or have no time: the next replacement would not find them, and so they would be "
               "there twice"));
  }

  // Those that the collected rows need.
  absl::Status AddPartitions(Connection& connection, const std::stop_token& stop) {
    if (!parts_.table.partitioned()) return absl::OkStatus();
    ASSIGN_OR_RETURN(
        const Rows rows,
        connection.Query(
            StrCat("SELECT DISTINCT floor(extract(epoch FROM event_time) / 86400)::bigint FROM ",
                   collecting_.name().Quoted(), " WHERE event_time >= '1970-01-01 00:00+00'"),
            stop, kAnHour));
    std::vector<int32_t> days;
    for (size_t row = 0; row < rows.size(); ++row) {
      days.push_back(static_cast<int32_t>(rows.Number(row, 0)));
    }
    return parts_.table.AddPartitions(connection, days, parts_.clock.Now(), stop, /*patient=*/true);
  }

  // The lock keeps other replacements and imports out, which would otherwise leave rows that
  // neither this one deletes nor the other; readers see the old rows until the end.
  absl::Status Replace(Connection& connection, const std::string& held, uint64_t rows,
                       const std::stop_token& stop) {
    const std::string& table = parts_.table.name().Quoted();
    const std::string& columns = parts_.table.column_list();
    const auto move = [&](const std::string& sql) -> absl::StatusOr<Rows> {
      absl::StatusOr<Rows> rows = connection.Query(sql, stop, kAnHour);
      if (!rows.ok()) return WithGrants(rows.status());
      return rows;
    };
    RETURN_IF_ERROR(move(StrCat(kBegin, kAllowAnHour, "SET LOCAL row_security = off; LOCK TABLE ",
                                table, " IN SHARE ROW EXCLUSIVE MODE"))
                        .status());
    const std::string lock =
        StrCat("LOCK TABLE ", collecting_.name().Quoted(), " IN ACCESS SHARE MODE; ");
    RETURN_IF_ERROR(CheckHeld(connection, connection.Query(lock + held, stop)));
    RETURN_IF_ERROR(move(StrCat("DELETE FROM ", table, " WHERE ", in_scope_)).status());
    ASSIGN_OR_RETURN(const Rows stored,
                     move(StrCat("INSERT INTO ", table, " (", columns, ") SELECT ", columns,
                                 " FROM ", collecting_.name().Quoted())));
    RETURN_IF_ERROR(CheckStored(parts_.table.name(), stored.changed(), rows));
    ASSIGN_OR_RETURN(const Rows there,
                     move(StrCat("SET CONSTRAINTS ALL IMMEDIATE; SELECT count(*) FROM ", table,
                                 " WHERE ", in_scope_)));
    if (there.Number(0, 0) != rows) {
      return absl::FailedPreconditionError(
          StrCat(parts_.table.name().Text(), " would have ", there.Number(0, 0), " rows where ",
                 rows, " replace what was there: a trigger, rule or policy keeps old ",
                 "rows or moves new ones. Nothing was replaced; drop it, or name another table"));
    }
    return connection.Commit(stop);
  }

  const ReplacementParts parts_;
  const std::string in_scope_;
  TargetTable collecting_;
  PostgresCursor cursor_;
  Pool<Connection> connections_;
  absl::Mutex mutex_;
  std::string writer_ ABSL_GUARDED_BY(mutex_);   // that has claimed last
  uint64_t stored_ ABSL_GUARDED_BY(mutex_) = 0;  // rows, by its sinks
};

}  // namespace

absl::StatusOr<std::unique_ptr<Replacement>> NewPostgresReplacement(const ReplacementParts& parts,
                                                                    const Scope& scope) {
  if (scope.since >= scope.until) {
    return absl::InvalidArgumentError("the time to replace ends before it begins");
  }
  const bool has_times = parts.table.form() == Form::kTable &&
                         parts.table.table_form().record_type() == RecordType::kEvent;
  if (!scope.is_everything() && !has_times) {
    return absl::InvalidArgumentError(
        StrCat("a part of ", parts.table.name().Text(),
               " cannot be replaced: only a table of events in the form table has a column of "
               "times. Replace all of it"));
  }
  return std::make_unique<PostgresReplacement>(parts, scope);
}

std::string CollectingPrefix(const TableName& table) {
  return StrCat("millrace_replace_", ShortHash(table.Text()), "_");
}

absl::Status DropCollecting(Connection& connection, const TableName& table,
                            const std::stop_token& stop) {
  ASSIGN_OR_RETURN(
      const Rows tables,
      connection.Query(
          StrCat("SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = "
                 "relnamespace WHERE relkind = 'r' AND nspname = ",
                 QuoteText(table.schema), " AND starts_with(relname, ",
                 QuoteText(CollectingPrefix(table)),
                 ") ORDER BY length(relname), relname"),  // as in TargetTable::DropAllSql()
          stop));
  std::string names;
  for (size_t row = 0; row < tables.size(); ++row) {
    StrAppend(&names, names.empty() ? "" : ", ", QuoteTable(table.schema, tables.Text(row, 0)));
  }
  if (names.empty()) return absl::OkStatus();
  return connection.Query(StrCat("DROP TABLE IF EXISTS ", names), stop).status();
}

}  // namespace millrace::postgres
