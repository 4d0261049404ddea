#include "connectors/postgres/postgres_sink.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "connectors/postgres/copy_batch.h"
#include "connectors/postgres/copy_plan.h"
#include "connectors/postgres/write_errors.h"

namespace millrace::postgres {
namespace {

// Deferred constraints are checked by the COPY, whose rows can be found, not by the COMMIT.
constexpr char kCheckNow[] = "SET CONSTRAINTS ALL IMMEDIATE; ";
constexpr char kUndefinedTable[] = "42P01";
constexpr char kSave[] = "SAVEPOINT millrace; ";
constexpr char kKeep[] = "RELEASE SAVEPOINT millrace; ";
constexpr char kUndo[] = "ROLLBACK TO SAVEPOINT millrace; RELEASE SAVEPOINT millrace; ";

// A span, with copies of what it points to.
struct OwnSpan {
  LedgerKey object;
  std::string writer;
  BatchSpan span;

  explicit OwnSpan(const BatchSpan& of) : object(*of.object), writer(*of.writer), span(of) {}
  bool Is(const BatchSpan& other) const {
    return object == *other.object && writer == *other.writer && span.first == other.first &&
           span.rows == other.rows && span.begin_row == other.begin_row &&
           span.end_row == other.end_row;
  }
};

// A transaction of which it is not known whether it was committed.
struct InDoubt {
  std::vector<OwnSpan> spans;
  std::vector<SettledRange> witnesses;  // source rows that are recorded if it was
  WriteResult result;                   // if it was
  uint64_t lines = 0;                   // that it stored, then

  bool IsOf(absl::Span<const BatchSpan> others) const {
    return std::equal(spans.begin(), spans.end(), others.begin(), others.end(),
                      [](const OwnSpan& a, const BatchSpan& b) { return a.Is(b); });
  }
};

class PostgresSink final : public Sink {
 public:
  explicit PostgresSink(const SinkParts& parts)
      : parts_(parts), connection_(parts.address), encoded_(parts.table) {}

  WriteResult Write(const Batch& batch, absl::Span<const BatchSpan> spans,
                    std::stop_token stop) override;

 private:
  // What a transaction is to commit.
  struct Outcome {
    std::vector<RefusedRow> refused;
    uint64_t lines = 0;
    std::vector<uint64_t> objects;  // by their numbers
    std::optional<absl::Status> refused_whole;
  };

  WriteResult Failed(const absl::Status& why, absl::Span<const BatchSpan> spans);
  WriteResult Stored(WriteResult result, absl::Span<const BatchSpan> spans, uint64_t lines) const;
  // What the transaction in doubt has become. Nullopt: it was not committed, or it was of other
  // spans, or there is none.
  std::optional<WriteResult> ResolveDoubt(absl::Span<const BatchSpan> spans,
                                          const std::stop_token& stop);
  absl::Status Prepare(const Batch& batch, absl::Span<const BatchSpan> spans,
                       const std::stop_token& stop);
  // The rows of the spans that are not fenced.
  std::vector<RowRange> OpenRows(absl::Span<const BatchSpan> spans) const;
  // Copies them in a transaction that it leaves open.
  absl::StatusOr<Outcome> Copy(absl::Span<const BatchSpan> spans, const std::stop_token& stop);
  absl::Status CopyAtOnce(const std::vector<RowRange>& rows, const std::stop_token& stop);
  absl::StatusOr<Outcome> CopyAndFindRefused(const std::vector<RowRange>& rows,
                                             const std::stop_token& stop);
  // Whether all of the plan's probes are refused like `first`, each undone.
  absl::StatusOr<bool> IsRefusedWhole(const CopyPlan& plan, const ServerError& first,
                                      const std::stop_token& stop);
  absl::Status CopyIn(std::string_view statements, RowRange rows, const std::stop_token& stop);
  enum class Recorded {
    kRecorded,
    kFenced,     // spans were found to be fenced, and the transaction is rolled back
    kWereThere,  // by an earlier write of this batch; rolled back
  };
  absl::StatusOr<Recorded> Record(const Batch& batch, absl::Span<const BatchSpan> spans,
                                  Outcome& outcome, const std::stop_token& stop);
  WriteResult Commit(const Batch& batch, absl::Span<const BatchSpan> spans, Outcome outcome,
                     const std::stop_token& stop);

  const SinkParts parts_;
  Connection connection_;
  CopyBatch encoded_;
  std::vector<size_t> fenced_;  // spans of the batch, ascending
  std::string pending_;         // statements to be sent before the next one
  std::optional<InDoubt> in_doubt_;
};

WriteResult PostgresSink::Failed(const absl::Status& why, absl::Span<const BatchSpan> spans) {
  connection_.Rollback();
  if (parts_.table.collects() && connection_.error().state == kUndefinedTable) {
    std::vector<size_t> all(spans.size());
    std::iota(all.begin(), all.end(), size_t{0});
    return WriteResult::Durable({}, std::move(all));
  }
  return FailedWrite(why, connection_.error(), parts_.table.name());
}

WriteResult PostgresSink::Stored(WriteResult result, absl::Span<const BatchSpan> spans,
                                 uint64_t lines) const {
  if (parts_.count_stored && lines > 0) parts_.count_stored(*spans.front().writer, lines);
  return result;
}

std::optional<WriteResult> PostgresSink::ResolveDoubt(absl::Span<const BatchSpan> spans,
                                                      const std::stop_token& stop) {
  if (!in_doubt_ || !in_doubt_->IsOf(spans)) {
    in_doubt_.reset();
    return std::nullopt;
  }
  const CursorTables& tables = parts_.cursor.tables();
  // The server may still be about to commit: the lock waits for that.
  absl::StatusOr<Rows> found = connection_.Query(kBegin + tables.LockSql(spans), stop);
  if (found.ok()) found = connection_.Query(tables.FindSql(spans, in_doubt_->witnesses), stop);
  if (!found.ok()) return Failed(found.status(), spans);
  connection_.Rollback();
  const bool was_committed = found->size() > 0;
  WriteResult result = std::move(in_doubt_->result);
  const uint64_t lines = in_doubt_->lines;
  in_doubt_.reset();
  if (!was_committed) return std::nullopt;
  return Stored(std::move(result), spans, lines);
}

absl::Status PostgresSink::Prepare(const Batch& batch, absl::Span<const BatchSpan> spans,
                                   const std::stop_token& stop) {
  RETURN_IF_ERROR(parts_.table.Prepare(connection_, stop));
  const absl::Time now = parts_.clock.Now();
  encoded_.Encode(batch, spans, now);
  return parts_.table.AddPartitions(connection_, encoded_.days(), now, stop);
}

std::vector<RowRange> PostgresSink::OpenRows(absl::Span<const BatchSpan> spans) const {
  std::vector<RowRange> rows;
  if (spans.empty()) rows.push_back({0, encoded_.rows()});
  for (size_t i = 0; i < spans.size(); ++i) {
    if (std::binary_search(fenced_.begin(), fenced_.end(), i)) continue;
    const RowRange range{spans[i].first, spans[i].first + spans[i].rows};
    if (!rows.empty() && rows.back().end == range.begin) {
      rows.back().end = range.end;
    } else {
      rows.push_back(range);
    }
  }
  return rows;
}

absl::Status PostgresSink::CopyIn(std::string_view statements, RowRange rows,
                                  const std::stop_token& stop) {
  const std::string_view bytes = encoded_.bytes(rows);
  parts_.traffic.requests.fetch_add(1, std::memory_order_relaxed);
  parts_.traffic.bytes_sent.fetch_add(bytes.size(), std::memory_order_relaxed);
  ASSIGN_OR_RETURN(const uint64_t stored,
                   connection_.CopyIn(StrCat(statements, parts_.table.copy_sql()), bytes, stop));
  return CheckStored(parts_.table.name(), stored, encoded_.lines(rows));
}

absl::Status PostgresSink::CopyAtOnce(const std::vector<RowRange>& rows,
                                      const std::stop_token& stop) {
  pending_ = StrCat(kBegin, kCheckNow);
  for (const RowRange range : rows) {
    if (!encoded_.has_lines(range)) continue;
    RETURN_IF_ERROR(CopyIn(std::exchange(pending_, ""), range, stop));
  }
  return absl::OkStatus();
}

absl::StatusOr<PostgresSink::Outcome> PostgresSink::Copy(absl::Span<const BatchSpan> spans,
                                                         const std::stop_token& stop) {
  const std::vector<RowRange> rows = OpenRows(spans);
  const bool was_connected = connection_.is_connected();
  absl::Status copied = CopyAtOnce(rows, stop);
  // The server may have closed a connection that was idle since the last write.
  const bool was_lost = absl::IsUnavailable(copied) && WasClosed(connection_.error().state);
  if (was_connected && was_lost) copied = CopyAtOnce(rows, stop);
  if (copied.ok()) {
    Outcome outcome;
    outcome.refused = CopyPlan(encoded_, rows).TakeRefused();
    for (const RowRange range : rows) outcome.lines += encoded_.lines(range);
    return outcome;
  }
  if (!BlamesRows(connection_.error().state)) return copied;
  connection_.Rollback();
  // A table that was altered since it was prepared may refuse every row, each of which it names.
  RETURN_IF_ERROR(parts_.table.CheckFits(connection_, stop));
  return CopyAndFindRefused(rows, stop);
}

absl::StatusOr<PostgresSink::Outcome> PostgresSink::CopyAndFindRefused(
    const std::vector<RowRange>& rows, const std::stop_token& stop) {
  CopyPlan plan(encoded_, rows);
  Outcome outcome;
  pending_ = StrCat(kBegin, kCheckNow);
  bool probed = false;
  while (const std::optional<RowRange> next = plan.Next()) {
    const absl::Status copied = CopyIn(std::exchange(pending_, "") + kSave, *next, stop);
    if (copied.ok()) {
      pending_ = kKeep;
      outcome.lines += encoded_.lines(*next);
      plan.Copied();
      continue;
    }
    const ServerError error = connection_.error();
    if (!BlamesRows(error.state)) return copied;
    pending_ = kUndo;
    if (const auto line = CopyLine(error, parts_.table.name().table)) {
      plan.RefuseRow(encoded_.RowOfLine(*next, *line - 1), RefusalOf(error));
      continue;
    }
    if (!std::exchange(probed, true) && plan.may_be_whole()) {
      ASSIGN_OR_RETURN(const bool whole, IsRefusedWhole(plan, error, stop));
      if (whole) {
        outcome.refused_whole = copied;
        return outcome;
      }
    }
    plan.Refuse(RefusalOf(error));
  }
  outcome.refused = plan.TakeRefused();
  return outcome;
}

absl::StatusOr<bool> PostgresSink::IsRefusedWhole(const CopyPlan& plan, const ServerError& first,
                                                  const std::stop_token& stop) {
  for (const RowRange probe : plan.Probes()) {
    const absl::Status copied = CopyIn(std::exchange(pending_, kUndo) + kSave, probe, stop);
    if (copied.ok()) return false;
    const ServerError& error = connection_.error();
    if (!BlamesRows(error.state)) return copied;
    if (error.message != first.message || CopyLine(error, parts_.table.name().table)) return false;
  }
  return true;
}

absl::StatusOr<PostgresSink::Recorded> PostgresSink::Record(const Batch& batch,
                                                            absl::Span<const BatchSpan> spans,
                                                            Outcome& outcome,
                                                            const std::stop_token& stop) {
  std::string sql = std::exchange(pending_, "");
  if (spans.empty()) {
    if (!sql.empty()) RETURN_IF_ERROR(connection_.Query(sql, stop).status());
    return Recorded::kRecorded;
  }
  sql +=
      parts_.cursor.tables().RecordSql(spans, SettledRanges(batch, spans, outcome.refused, fenced_),
                                       Witnesses(batch, spans, outcome.refused, fenced_));
  ASSIGN_OR_RETURN(const Rows held, connection_.Query(sql, stop));
  std::vector<bool> is_held(spans.size(), false);
  bool were_there = false;
  for (size_t row = 0; row < held.size(); ++row) {
    is_held[held.Number(row, 0)] = true;
    outcome.objects.push_back(held.Number(row, 1));
    were_there = were_there || held.True(row, 2);
  }
  std::vector<size_t> fenced;
  for (size_t i = 0; i < spans.size(); ++i) {
    const bool was_fenced = std::binary_search(fenced_.begin(), fenced_.end(), i);
    if (was_fenced || !is_held[i]) fenced.push_back(i);
  }
  const bool is_final = fenced.size() == fenced_.size();
  fenced_ = std::move(fenced);
  if (is_final && !were_there) return Recorded::kRecorded;
  connection_.Rollback();
  return were_there ? Recorded::kWereThere : Recorded::kFenced;
}

WriteResult PostgresSink::Commit(const Batch& batch, absl::Span<const BatchSpan> spans,
                                 Outcome outcome, const std::stop_token& stop) {
  const absl::Status committed = connection_.Commit(stop);
  WriteResult result = WriteResult::Durable(std::move(outcome.refused), fenced_);
  if (committed.ok()) {
    for (const uint64_t object : outcome.objects) {
      if (parts_.cursor.CountRange(object)) parts_.cursor.Merge(connection_, object, stop);
    }
    return Stored(std::move(result), spans, outcome.lines);
  }
  const bool is_unknown = absl::IsUnavailable(committed) || absl::IsCancelled(committed);
  if (is_unknown && !spans.empty()) {
    in_doubt_.emplace();
    for (const BatchSpan& span : spans) in_doubt_->spans.emplace_back(span);
    in_doubt_->witnesses = Witnesses(batch, spans, result.refused(), fenced_);
    in_doubt_->result = std::move(result);
    in_doubt_->lines = outcome.lines;
    if (in_doubt_->witnesses.empty()) in_doubt_.reset();  // it stored nothing
  }
  return Failed(committed, spans);
}

WriteResult PostgresSink::Write(const Batch& batch, absl::Span<const BatchSpan> spans,
                                std::stop_token stop) {
  if (stop.stop_requested()) return WriteResult::Retry(StopRequested());
  fenced_.clear();
  if (const absl::Status ready = Prepare(batch, spans, stop); !ready.ok()) {
    return Failed(ready, spans);
  }
  if (auto result = ResolveDoubt(spans, stop)) return *std::move(result);
  for (;;) {
    absl::StatusOr<Outcome> outcome = Copy(spans, stop);
    if (!outcome.ok()) return Failed(outcome.status(), spans);
    if (outcome->refused_whole) {
      connection_.Rollback();
      return WriteResult::RefusedWhole(*outcome->refused_whole);
    }
    const absl::StatusOr<Recorded> recorded = Record(batch, spans, *outcome, stop);
    if (!recorded.ok()) return Failed(recorded.status(), spans);
    if (*recorded == Recorded::kRecorded) return Commit(batch, spans, *std::move(outcome), stop);
    if (*recorded == Recorded::kWereThere) {
      return Stored(WriteResult::Durable(std::move(outcome->refused), fenced_), spans,
                    outcome->lines);
    }
    if (fenced_.size() == spans.size()) return WriteResult::Durable({}, fenced_);
  }
}

}  // namespace

std::unique_ptr<Sink> NewPostgresSink(const SinkParts& parts) {
  return std::make_unique<PostgresSink>(parts);
}

}  // namespace millrace::postgres
