#include "sql_delivery/sql_sink.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/row_ranges.h"
#include "base/status.h"
#include "base/strings.h"
#include "pipeline/batch_identity.h"
#include "sql_delivery/cursor_sql.h"
#include "sql_delivery/encoded_batch.h"

namespace millrace::sql_delivery {
namespace {

// Groups that are tried one by one before a batch counts as refused whole.
constexpr size_t kProbes = 8;

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

class SqlSink final : public Sink {
 public:
  explicit SqlSink(SqlSinkParts parts)
      : parts_(std::move(parts)), encoded_(parts_.dialect, parts_.form) {}

  WriteResult Write(const Batch& batch, absl::Span<const BatchSpan> spans,
                    std::stop_token stop) override;

 private:
  // How far the batch that is being written has come. A write that is tried again resumes from
  // there: the parts must be the same again, since each is known by its first row.
  struct Progress {
    std::deque<RowRange> left;  // of groups
    std::set<size_t> fenced;    // spans
    bool told_apart = false;    // a part was stored, or the rows are known to be to blame
  };
  struct Unfinished {
    BatchIdentity batch;
    std::vector<OwnSpan> spans;

    bool IsOf(const Batch& other, absl::Span<const BatchSpan> others) const {
      return std::equal(spans.begin(), spans.end(), others.begin(), others.end(),
                        [](const OwnSpan& a, const BatchSpan& b) { return a.Is(b); }) &&
             batch == BatchIdentity::Of(other);
    }
  };

  void Begin(const Batch& batch, absl::Span<const BatchSpan> spans);
  std::vector<PartSpan> SpansOf(RowRange groups) const;
  PartSpan SpanOf(size_t span, RowRange groups) const;
  // Sends groups; notes spans that are fenced. What an earlier sink had stored of them is found.
  absl::Status Store(RowRange groups, const std::stop_token& stop);
  // The spans of a part that are not stored by it.
  struct Closed {
    std::set<size_t> there;     // an earlier script has stored their first row
    std::vector<PartSpan> cut;  // of these, those of which it may not have stored all rows
  };
  // Reads a result that has HeldSpans; notes spans that are fenced.
  absl::Status ReadHeld(const TextRows& rows, const std::vector<PartSpan>& spans, Closed& closed);
  // Some rows of `spans` were there. Plans those of `groups` that were not.
  absl::Status PlanRest(RowRange groups, const std::vector<PartSpan>& spans,
                        const std::stop_token& stop);
  // Sends what is left; nullopt: all of it is stored, or refused row by row.
  std::optional<WriteResult> StoreAll(const std::stop_token& stop);
  // A part was refused with `why`: plans smaller ones. The result, if the batch is refused whole or
  // a probe failed for another reason.
  std::optional<WriteResult> Narrow(RowRange groups, const absl::Status& why,
                                    const std::stop_token& stop);
  // Replaces the first part that is left, `groups`, by what is before and after `probe`, and the
  // probe itself if it is to be kept.
  void Cut(RowRange groups, size_t probe, bool keep);
  WriteResult Failed(const absl::Status& why, const std::stop_token& stop);
  WriteResult Finished();

  const SqlSinkParts parts_;
  EncodedBatch encoded_;
  // Of the current write.
  const Batch* batch_ = nullptr;
  absl::Span<const BatchSpan> spans_;
  Progress progress_;
  std::optional<Unfinished> unfinished_;
};

void SqlSink::Begin(const Batch& batch, absl::Span<const BatchSpan> spans) {
  batch_ = &batch;
  spans_ = spans;
  const bool resumes = unfinished_ && unfinished_->IsOf(batch, spans);
  unfinished_.reset();
  if (resumes) return;
  encoded_.Encode(batch, spans, parts_.clock.Now());
  progress_ = Progress();
  for (const RowRange part : encoded_.Parts()) progress_.left.push_back(part);
}

WriteResult SqlSink::Failed(const absl::Status& why, const std::stop_token& stop) {
  if (stop.stop_requested()) return WriteResult::Retry(StopRequested());
  const ScriptFailure failure = parts_.runner->Explain(why);
  switch (failure.kind) {
    case ScriptFailure::Kind::kRetry:
      return WriteResult::Retry(failure.status);
    case ScriptFailure::Kind::kThrottled:
      return WriteResult::Retry(failure.status, absl::ZeroDuration(), /*throttled=*/true);
    case ScriptFailure::Kind::kGuard:  // what it found has changed since
      return WriteResult::Retry(failure.status);
    case ScriptFailure::Kind::kRefusesRow:
    case ScriptFailure::Kind::kStop:
      break;
  }
  return WriteResult::Stop(failure.status);
}

// The part settles the source rows from its first one of the span to the first one of the next
// part; the first and the last part of the span have what is before and after.
PartSpan SqlSink::SpanOf(size_t span, RowRange groups) const {
  const BatchSpan& whole = spans_[span];
  const std::vector<EncodedBatch::Group>& all = encoded_.groups();
  const auto source_row = [&](size_t group) { return batch_->source_rows[all[group].rows.begin]; };
  const auto is_of_span = [&](size_t group) {
    return group < all.size() && all[group].span == span && whole.rows > 0;
  };
  PartSpan part{.span = span, .object = ObjectKey(*whole.object), .writer = *whole.writer};
  uint64_t begin = whole.begin_row, end = whole.end_row;
  if (groups.begin > 0 && is_of_span(groups.begin) && is_of_span(groups.begin - 1)) {
    begin = source_row(groups.begin);
  }
  if (groups.end > 0 && is_of_span(groups.end) && is_of_span(groups.end - 1)) {
    end = source_row(groups.end);
  }
  const auto add_until = [&](uint64_t row) {
    if (begin < row) part.ranges.emplace_back(begin, row);
  };
  for (size_t i = groups.begin; i < groups.end; ++i) {
    if (!is_of_span(i)) continue;
    if (!all[i].refused) {
      if (!part.witness) part.witness = source_row(i);
      part.last_row = source_row(i);
      continue;
    }
    add_until(source_row(i));
    begin = std::max(begin, source_row(i) + 1);
  }
  add_until(end);
  return part;
}

// Spans without rows go with the rows before them; those before the first row with it.
std::vector<PartSpan> SqlSink::SpansOf(RowRange groups) const {
  std::vector<PartSpan> parts;
  if (spans_.empty()) return parts;
  const std::vector<EncodedBatch::Group>& all = encoded_.groups();
  const size_t first = groups.begin == 0 ? 0 : all[groups.begin].span;
  size_t end = spans_.size();
  if (groups.end < all.size()) {
    end = all[groups.end].span;
    if (groups.size() > 0 && all[groups.end - 1].span == end) ++end;
  }
  for (size_t span = first; span < end; ++span) {
    if (!progress_.fenced.contains(span)) parts.push_back(SpanOf(span, groups));
  }
  return parts;
}

absl::Status SqlSink::Store(RowRange groups, const std::stop_token& stop) {
  Closed closed;
  for (;;) {
    std::set<size_t> left_out = progress_.fenced;
    left_out.insert(closed.there.begin(), closed.there.end());
    const std::vector<std::string_view> rows = encoded_.Rows(groups, left_out);
    std::vector<PartSpan> spans = SpansOf(groups);
    std::erase_if(spans, [&](const PartSpan& span) { return left_out.contains(span.span); });
    if (spans.empty() && (rows.empty() || !spans_.empty())) break;
    parts_.traffic.requests.fetch_add(1, std::memory_order_relaxed);
    for (const std::string_view piece : rows) {
      parts_.traffic.bytes_sent.fetch_add(piece.size(), std::memory_order_relaxed);
    }
    const Script script = StoreScript(parts_.dialect, rows, spans);
    const absl::StatusOr<TextRows> result = parts_.runner->Run(script, stop);
    if (result.ok()) {
      if (!script.guard) RETURN_IF_ERROR(ReadHeld(*result, spans, closed));
      break;
    }
    const bool is_guard = !stop.stop_requested() && parts_.runner->Explain(result.status()).kind ==
                                                        ScriptFailure::Kind::kGuard;
    if (!is_guard) return result.status();
    // The next script goes without the spans that are not open.
    ASSIGN_OR_RETURN(const TextRows state,
                     parts_.runner->Run(HeldScript(parts_.dialect, spans), stop));
    const size_t before = left_out.size();
    RETURN_IF_ERROR(ReadHeld(state, spans, closed));
    if (progress_.fenced.size() + closed.there.size() == before) {
      return absl::UnavailableError("the writers of the batch have changed meanwhile");
    }
  }
  return closed.cut.empty() ? absl::OkStatus() : PlanRest(groups, closed.cut, stop);
}

absl::Status SqlSink::ReadHeld(const TextRows& rows, const std::vector<PartSpan>& spans,
                               Closed& closed) {
  const std::optional<std::vector<HeldSpan>> held = ReadHeldSpans(rows);
  if (!held) return absl::UnavailableError("the result of a script could not be read");
  for (const PartSpan& span : spans) {
    bool is_held = false;
    std::optional<uint64_t> there_until;
    for (const HeldSpan& one : *held) {
      if (one.span != span.span) continue;
      is_held = true;
      if (!one.there_until) continue;
      there_until = std::min(there_until.value_or(UINT64_MAX), *one.there_until);
    }
    if (!is_held) progress_.fenced.insert(span.span);
    if (there_until) closed.there.insert(span.span);
    if (there_until && span.last_row && *span.last_row >= *there_until) closed.cut.push_back(span);
  }
  return absl::OkStatus();
}

absl::Status SqlSink::PlanRest(RowRange groups, const std::vector<PartSpan>& spans,
                               const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const TextRows result,
                   parts_.runner->Run(RangesScript(parts_.dialect, spans), stop));
  const std::optional<std::vector<SpanRange>> ranges = ReadSpanRanges(result);
  if (!ranges) return absl::UnavailableError("the ranges of delivered rows could not be read");
  std::map<size_t, RowRanges> there;
  for (const PartSpan& span : spans) there[span.span] = RowRanges();
  for (const SpanRange& range : *ranges) there[range.span].Add(range.begin, range.end);
  std::vector<RowRange> rest;
  for (size_t i = groups.begin; i < groups.end; ++i) {
    const EncodedBatch::Group& group = encoded_.groups()[i];
    const auto found = there.find(group.span);
    const bool is_missing = found != there.end() && !group.refused &&
                            !found->second.Contains(batch_->source_rows[group.rows.begin]);
    if (!is_missing) continue;
    const bool continues = !rest.empty() && rest.back().end == i;
    if (continues) {
      rest.back().end = i + 1;
    } else {
      rest.push_back({i, i + 1});
    }
  }
  // The first part that is left is `groups`, which the caller takes away.
  progress_.told_apart = true;
  progress_.left.insert(progress_.left.begin() + 1, rest.begin(), rest.end());
  return absl::OkStatus();
}

void SqlSink::Cut(RowRange groups, size_t probe, bool keep) {
  progress_.told_apart = true;
  progress_.left.pop_front();
  if (probe + 1 < groups.end) progress_.left.push_front({probe + 1, groups.end});
  if (keep) progress_.left.push_front({probe, probe + 1});
  if (groups.begin < probe) progress_.left.push_front({groups.begin, probe});
}

std::optional<WriteResult> SqlSink::Narrow(RowRange groups, const absl::Status& why,
                                           const std::stop_token& stop) {
  if (progress_.told_apart) {
    progress_.left.pop_front();
    if (groups.size() == 1) {
      encoded_.Refuse(groups.begin, {.message = std::string(ToStd(why.message()))});
      progress_.left.push_front(groups);  // what it settles without the row
      return std::nullopt;
    }
    const size_t middle = groups.begin + groups.size() / 2;
    progress_.left.push_front({middle, groups.end});
    progress_.left.push_front({groups.begin, middle});
    return std::nullopt;
  }
  const size_t probes = std::min(kProbes, groups.size());
  for (size_t i = 0; i < probes; ++i) {
    const size_t probe = groups.begin + (probes == 1 ? 0 : i * (groups.size() - 1) / (probes - 1));
    if (encoded_.groups()[probe].refused) continue;
    const absl::Status stored = Store({probe, probe + 1}, stop);
    if (stored.ok()) {
      Cut(groups, probe, /*keep=*/false);
      return std::nullopt;
    }
    const bool blames_rows = !stop.stop_requested() && parts_.runner->Explain(stored).kind ==
                                                           ScriptFailure::Kind::kRefusesRow;
    if (!blames_rows) {
      // It may be stored: it stays a part of its own.
      Cut(groups, probe, /*keep=*/true);
      return Failed(stored, stop);
    }
    if (stored.message() != why.message()) {
      progress_.told_apart = true;
      return std::nullopt;  // the part is tried again, and halved
    }
  }
  return WriteResult::RefusedWhole(why);
}

std::optional<WriteResult> SqlSink::StoreAll(const std::stop_token& stop) {
  while (!progress_.left.empty()) {
    const RowRange part = progress_.left.front();
    const absl::Status stored = Store(part, stop);
    if (stored.ok()) {
      progress_.told_apart = true;
      progress_.left.pop_front();
      continue;
    }
    const bool blames_rows = !stop.stop_requested() && parts_.runner->Explain(stored).kind ==
                                                           ScriptFailure::Kind::kRefusesRow;
    if (!blames_rows) return Failed(stored, stop);
    if (auto result = Narrow(part, stored, stop)) return result;
  }
  return std::nullopt;
}

WriteResult SqlSink::Finished() {
  const auto is_fenced = [&](size_t row) {
    return std::any_of(progress_.fenced.begin(), progress_.fenced.end(), [&](size_t span) {
      return row >= spans_[span].first && row < spans_[span].first + spans_[span].rows;
    });
  };
  std::vector<RefusedRow> refused;
  for (const RefusedRow& row : encoded_.refused()) {
    if (!is_fenced(row.row)) refused.push_back(row);
  }
  return WriteResult::Durable(std::move(refused),
                              {progress_.fenced.begin(), progress_.fenced.end()});
}

WriteResult SqlSink::Write(const Batch& batch, absl::Span<const BatchSpan> spans,
                           std::stop_token stop) {
  if (stop.stop_requested()) return WriteResult::Retry(StopRequested());
  if (const absl::Status ready = parts_.runner->Prepare(stop); !ready.ok()) {
    return Failed(ready, stop);
  }
  Begin(batch, spans);
  std::optional<WriteResult> failed = StoreAll(stop);
  if (!failed) return Finished();
  if (failed->retryable()) {
    unfinished_.emplace();
    unfinished_->batch = BatchIdentity::Of(batch);
    for (const BatchSpan& span : spans) unfinished_->spans.emplace_back(span);
  }
  return *std::move(failed);
}

}  // namespace

std::unique_ptr<Sink> NewSqlSink(SqlSinkParts parts) {
  return std::make_unique<SqlSink>(std::move(parts));
}

}  // namespace millrace::sql_delivery
