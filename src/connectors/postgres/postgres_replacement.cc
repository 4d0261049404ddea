#include "connectors/postgres/postgres_replacement.h"

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
#include "connectors/postgres/sql_text.h"
#include "connectors/postgres/write_errors.h"
#include "pipeline/shared_ledger.h"

namespace millrace::postgres {
namespace {

// Of a statement that moves all rows. The server's own limit ends it first.
constexpr absl::Duration kPatience = absl::Minutes(65);
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
    RETURN_IF_ERROR(Use(stop, [&](Connection& connection) -> absl::Status {
      RETURN_IF_ERROR(parts_.table.Prepare(connection, stop));
      return collecting_.MakeAnew(connection, collecting_.cursor_tables().ClaimSql(object, writer),
                                  stop);
    }));
    absl::MutexLock lock(&mutex_);
    object_ = object;
    writer_ = writer;
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
                            .clock = parts_.clock});
  }

  absl::Status Publish(std::stop_token stop) override {
    return Use(stop, [&](Connection& connection) -> absl::Status {
      RETURN_IF_ERROR(AddPartitions(connection, stop));
      RETURN_IF_ERROR(Replace(connection, stop));
      // Otherwise the next claim drops it.
      const absl::Status dropped = collecting_.Drop(connection, stop);
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
    if (absl::IsPermissionDenied(status)) return WithGrants(status);
    return Explain(status, (*connection)->error(), parts_.table.name());
  }

  absl::Status WithGrants(const absl::Status& denied) const {
    const TableName& table = parts_.table.name();
    return absl::PermissionDeniedError(StrCat(
        denied.message(), ". To replace rows, the role needs GRANT SELECT, INSERT, DELETE ON ",
        table.Quoted(), " and GRANT CREATE ON SCHEMA ", QuoteName(table.schema)));
  }

  // Aborted: another writer has claimed the object, or has published it.
  absl::Status NoLongerHeld() const {
    return absl::AbortedError(
        StrCat(collecting_.name().Text(), " is another worker's by now, or was dropped"));
  }

  // Those that the collected rows need.
  absl::Status AddPartitions(Connection& connection, const std::stop_token& stop) {
    if (!parts_.table.partitioned()) return absl::OkStatus();
    const absl::StatusOr<Rows> rows = connection.Query(
        StrCat("SELECT DISTINCT floor(extract(epoch FROM event_time) / 86400)::bigint FROM ",
               collecting_.name().Quoted(), " WHERE event_time >= '1970-01-01 00:00+00'"),
        stop, kPatience);
    if (connection.error().state == kUndefinedTable) return NoLongerHeld();
    RETURN_IF_ERROR(rows.status());
    std::vector<int32_t> days;
    for (size_t row = 0; row < rows->size(); ++row) {
      days.push_back(static_cast<int32_t>(rows->Number(row, 0)));
    }
    return parts_.table.AddPartitions(connection, days, parts_.clock.Now(), stop);
  }

  absl::Status Replace(Connection& connection, const std::stop_token& stop) {
    LedgerKey object;
    std::string writer;
    {
      absl::MutexLock lock(&mutex_);
      object = object_;
      writer = writer_;
    }
    // Replacements of one table come one after another: two that overlap would both keep their
    // rows.
    const std::string lock_table = StrCat("SELECT pg_advisory_xact_lock(hashtextextended(",
                                          QuoteText(parts_.table.name().Text()), ", 7883949)); ");
    const absl::StatusOr<Rows> held =
        connection.Query(StrCat(kBegin, kAllowAnHour, "SET CONSTRAINTS ALL IMMEDIATE; ", lock_table,
                                collecting_.cursor_tables().HeldSql(object, writer)),
                         stop, kPatience);
    const bool is_gone = connection.error().state == kUndefinedTable;
    if (is_gone || (held.ok() && held->size() == 0)) return NoLongerHeld();
    RETURN_IF_ERROR(held.status());
    ASSIGN_OR_RETURN(const uint64_t collected, CountCollected(connection, stop));
    const std::string& table = parts_.table.name().Quoted();
    const std::string& columns = parts_.table.column_list();
    RETURN_IF_ERROR(
        connection.Query(StrCat("DELETE FROM ", table, " WHERE ", in_scope_), stop, kPatience)
            .status());
    ASSIGN_OR_RETURN(const Rows stored,
                     connection.Query(StrCat("INSERT INTO ", table, " (", columns, ") SELECT ",
                                             columns, " FROM ", collecting_.name().Quoted()),
                                      stop, kPatience));
    RETURN_IF_ERROR(CheckStored(parts_.table.name(), stored.changed(), collected));
    return connection.Commit(stop);
  }

  // FailedPrecondition: some are outside of the scope.
  absl::StatusOr<uint64_t> CountCollected(Connection& connection, const std::stop_token& stop) {
    ASSIGN_OR_RETURN(const Rows counts,
                     connection.Query(StrCat("SELECT count(*), count(*) FILTER (WHERE (", in_scope_,
                                             ") IS NOT TRUE) FROM ", collecting_.name().Quoted()),
                                      stop, kPatience));
    const uint64_t outside = counts.Number(0, 1);
    if (outside == 0) return counts.Number(0, 0);
    return absl::FailedPreconditionError(
        StrCat(outside, " of ", counts.Number(0, 0), " records are outside of what they replace (",
               in_scope_,
               ") or have no time: the next replacement would not find them, and so "
               "they would be there twice"));
  }

  const ReplacementParts parts_;
  const std::string in_scope_;
  TargetTable collecting_;
  PostgresCursor cursor_;
  Pool<Connection> connections_;
  absl::Mutex mutex_;
  LedgerKey object_ ABSL_GUARDED_BY(mutex_);  // that was claimed last
  std::string writer_ ABSL_GUARDED_BY(mutex_);
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
      connection.Query(StrCat("SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = "
                              "relnamespace WHERE relkind = 'r' AND nspname = ",
                              QuoteText(table.schema), " AND starts_with(relname, ",
                              QuoteText(CollectingPrefix(table)), ")"),
                       stop));
  std::string names;
  for (size_t row = 0; row < tables.size(); ++row) {
    StrAppend(&names, names.empty() ? "" : ", ", QuoteTable(table.schema, tables.Text(row, 0)));
  }
  if (names.empty()) return absl::OkStatus();
  return connection.Query(StrCat("DROP TABLE IF EXISTS ", names), stop).status();
}

}  // namespace millrace::postgres
