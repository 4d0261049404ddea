#include "connectors/snowflake/streaming_sink.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "connectors/snowflake/append_rows.h"
#include "connectors/snowflake/channel.h"
#include "connectors/snowflake/json_rows.h"
#include "connectors/snowflake/offset_token.h"
#include "connectors/snowflake/server_error.h"
#include "pipeline/batch_identity.h"
#include "pipeline/settled_ranges.h"
#include "records/dialect.h"

namespace millrace::snowflake {
namespace {

// The service refuses what is appended and names no row.
bool IsRefusal(const ServerError& error) {
  const ErrorKind kind = RuleOf(error).kind;
  if (kind != ErrorKind::kRefuseRow && kind != ErrorKind::kStop) return false;
  return error.http_status == 400 || error.http_status == 422;
}

// Of the checks that are not data: records that cannot be read, repeated keys, sizes of requests.
constexpr int kChecksVersion = 1;

class StreamingSink final : public Sink {
 public:
  StreamingSink(const StreamingSinkParts& parts, std::unique_ptr<PipeClient> client)
      : parts_(parts), client_(std::move(client)), encoded_(parts.form, parts.columns) {}

  WriteResult Write(const Batch& batch, absl::Span<const BatchSpan> spans,
                    std::stop_token stop) override;

 private:
  // What became of the appends of a batch.
  struct Outcome {
    std::vector<size_t> fenced;  // spans, ascending
    std::optional<WriteResult> failed;
    std::optional<absl::Status> refused_whole;
    std::vector<StreamingChannels::Appended> appended;
  };

  void AppendSpan(const Batch& batch, absl::Span<const BatchSpan> spans, size_t index,
                  Outcome& outcome, const std::stop_token& stop);
  // Appends `rows`, none of which is settled. False: `outcome` says why not all were.
  bool AppendRows(const Batch& batch, const BatchSpan& span, RowRange rows, Channel& channel,
                  Outcome& outcome, const std::stop_token& stop)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel.turn);
  enum class Sent { kAll, kTooLarge, kFailed };
  Sent SendPart(const Batch& batch, const BatchSpan& span, RowRange part, Channel& channel,
                Outcome& outcome, const std::stop_token& stop)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel.turn);
  bool Pace(Channel& channel, size_t bytes, const std::stop_token& stop)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel.turn);
  void Fail(const absl::Status& why, Outcome& outcome) const;
  WriteResult Finish(absl::Span<const BatchSpan> spans, Outcome outcome,
                     const std::stop_token& stop);

  const StreamingSinkParts parts_;
  const std::unique_ptr<PipeClient> client_;
  JsonRows encoded_;
  BodyEncoder body_;
  // The batch that is not durable yet, and whether a request with rows of it may have been accepted
  // in one of its tries: rows that may be stored are not refused.
  std::optional<BatchIdentity> in_progress_;
  bool has_sent_ = false;
};

// Keeps the first reason, but a stop is more than a retry.
void StreamingSink::Fail(const absl::Status& why, Outcome& outcome) const {
  const bool may_pass = absl::IsUnavailable(why) || absl::IsCancelled(why);
  if (outcome.failed.has_value() && (may_pass || !outcome.failed->retryable())) return;
  if (!may_pass) {
    outcome.failed = WriteResult::Stop(why);
    return;
  }
  const bool throttled = RuleOf(client_->error()).kind == ErrorKind::kThrottled;
  outcome.failed = WriteResult::Retry(why, client_->retry_after(), throttled);
}

// Waits until the channel may take `bytes` more.
bool StreamingSink::Pace(Channel& channel, size_t bytes, const std::stop_token& stop) {
  const absl::Duration wait = channel.next_append - parts_.clock.Elapsed();
  if (wait > absl::ZeroDuration() && !parts_.clock.SleepFor(wait, stop)) return false;
  const absl::Duration takes =
      absl::Seconds(static_cast<double>(bytes) / kMaxChannelBytesPerSecond);
  channel.next_append = parts_.clock.Elapsed() + std::max(kAppendInterval, takes);
  return true;
}

StreamingSink::Sent StreamingSink::SendPart(const Batch& batch, const BatchSpan& span,
                                            RowRange part, Channel& channel, Outcome& outcome,
                                            const std::stop_token& stop) {
  const absl::StatusOr<AppendBody> body = body_.Encode(encoded_, part);
  if (!body.ok()) {
    Fail(body.status(), outcome);
    return Sent::kFailed;
  }
  if (body->compressed.size() > kMaxAppendBytes) return Sent::kTooLarge;
  // The source rows that the part settles: up to the next part, and before the first one.
  const uint64_t begin = part.begin == span.first ? span.begin_row : batch.source_rows[part.begin];
  const uint64_t end =
      part.end == span.first + span.rows ? span.end_row : batch.source_rows[part.end];
  RowRanges settled = channel.settled;
  settled.Add(begin, end);
  RowRanges refused = channel.refused;
  for (size_t row = part.begin; row < part.end; ++row) {
    if (!encoded_.is_refused(row)) continue;
    refused.Add(batch.source_rows[row], batch.source_rows[row] + 1);
  }
  if (!Pace(channel, body->uncompressed_bytes, stop)) {
    Fail(StopRequested(), outcome);
    return Sent::kFailed;
  }
  const std::string token =
      FormatOffsetToken(channel.config(), parts_.channels.checks(), settled, refused);
  absl::StatusOr<std::string> next =
      client_->Append(channel.name, channel.continuation, token, *body, stop);
  if (next.ok()) {
    channel.continuation = *std::move(next);
    channel.settled = std::move(settled);
    channel.refused = std::move(refused);
    has_sent_ = true;
    return Sent::kAll;
  }
  if (client_->error().http_status == 413) return Sent::kTooLarge;
  const ErrorKind kind = RuleOf(client_->error()).kind;
  if (IsRefusal(client_->error())) {
    outcome.refused_whole = next.status();
  } else {
    // Of those that are throttled nothing was appended.
    if (kind != ErrorKind::kThrottled) channel.must_reopen = true;
    const bool reopens = kind == ErrorKind::kReopenChannel;
    Fail(reopens ? absl::UnavailableError(next.status().message()) : next.status(), outcome);
  }
  return Sent::kFailed;
}

bool StreamingSink::AppendRows(const Batch& batch, const BatchSpan& span, RowRange rows,
                               Channel& channel, Outcome& outcome, const std::stop_token& stop) {
  while (rows.size() > 0) {
    RowRange part = FirstPart(batch, encoded_, rows);
    Sent sent = Sent::kTooLarge;
    while (sent == Sent::kTooLarge) {
      if (encoded_.bytes(part).empty()) break;  // all were refused
      sent = SendPart(batch, span, part, channel, outcome, stop);
      if (sent == Sent::kFailed) return false;
      if (sent == Sent::kAll) break;
      const RowRange half = FirstHalf(batch, part);
      if (half == part) {
        encoded_.Refuse(part, TooLarge(part.begin));
        break;
      }
      part = half;
    }
    rows.begin = part.end;
  }
  return true;
}

void StreamingSink::AppendSpan(const Batch& batch, absl::Span<const BatchSpan> spans, size_t index,
                               Outcome& outcome, const std::stop_token& stop) {
  const BatchSpan& span = spans[index];
  const std::shared_ptr<Channel> channel = parts_.channels.Find(*span.object);
  if (channel == nullptr) return outcome.fenced.push_back(index);
  absl::MutexLock turn(&channel->turn);
  if (channel->writer != *span.writer) return outcome.fenced.push_back(index);
  if (channel->must_reopen) {
    const absl::Status opened = parts_.channels.Reopen(*channel, *client_, stop);
    if (!opened.ok()) return Fail(opened, outcome);
  }
  // Runs of rows that were not appended before.
  const size_t end = span.first + span.rows;
  for (size_t row = span.first; row < end;) {
    if (channel->settled.Contains(batch.source_rows[row])) {
      has_sent_ = has_sent_ || !encoded_.is_refused(row);  // by a try of another sink
      ++row;
      continue;
    }
    RowRange rows{row, row + 1};
    while (rows.end < end && !channel->settled.Contains(batch.source_rows[rows.end])) ++rows.end;
    if (!AppendRows(batch, span, rows, *channel, outcome, stop)) return;
    row = rows.end;
  }
  RowRanges wanted;
  for (size_t row = span.first; row < end; ++row) {
    if (encoded_.is_refused(row)) continue;
    wanted.Add(batch.source_rows[row], batch.source_rows[row] + 1);
  }
  if (wanted.empty()) return;
  outcome.appended.push_back({channel, std::move(wanted), channel->epoch()});
}

WriteResult StreamingSink::Finish(absl::Span<const BatchSpan> spans, Outcome outcome,
                                  const std::stop_token& stop) {
  if (outcome.failed) return *std::move(outcome.failed);
  if (outcome.refused_whole) {
    if (!has_sent_) return WriteResult::RefusedWhole(*outcome.refused_whole);
    return WriteResult::Stop(*outcome.refused_whole);
  }
  const absl::Status committed = parts_.channels.Await(outcome.appended, *client_, stop);
  // The next write of the batch sees which spans are fenced.
  if (absl::IsAborted(committed)) {
    return WriteResult::Retry(absl::UnavailableError(committed.message()));
  }
  if (!committed.ok()) {
    Fail(committed, outcome);
    return *std::move(outcome.failed);
  }
  std::vector<RefusedRow> refused;
  for (const RefusedRow& row : encoded_.refused()) {
    const bool is_fenced =
        std::any_of(outcome.fenced.begin(), outcome.fenced.end(), [&](size_t index) {
          return row.row >= spans[index].first && row.row < spans[index].first + spans[index].rows;
        });
    if (!is_fenced) refused.push_back(row);
  }
  in_progress_.reset();
  return WriteResult::Durable(std::move(refused), std::move(outcome.fenced));
}

WriteResult StreamingSink::Write(const Batch& batch, absl::Span<const BatchSpan> spans,
                                 std::stop_token stop) {
  if (stop.stop_requested()) return WriteResult::Retry(StopRequested());
  if (spans.empty() && !batch.empty()) {
    return WriteResult::Stop(absl::InternalError("rows without a claim of their object"));
  }
  if (const BatchIdentity identity = BatchIdentity::Of(batch); in_progress_ != identity) {
    in_progress_ = identity;
    has_sent_ = false;
  }
  encoded_.Encode(batch, spans, parts_.clock.Now());
  Outcome outcome;
  for (size_t i = 0; i < spans.size(); ++i) {
    AppendSpan(batch, spans, i, outcome, stop);
    if (outcome.failed || outcome.refused_whole) break;
  }
  return Finish(spans, std::move(outcome), stop);
}

}  // namespace

std::unique_ptr<Sink> NewStreamingSink(const StreamingSinkParts& parts,
                                       std::unique_ptr<PipeClient> client) {
  return std::make_unique<StreamingSink>(parts, std::move(client));
}

std::string ChecksHash(const TableForm& form) {
  std::string text = StrCat(kChecksVersion, ",", kSnowflakeDialect.max_text_bytes, ",",
                            kSnowflakeDialect.max_json_bytes, ",",
                            kSnowflakeDialect.max_json_digits, ",", kSnowflakeDialect.takes_nul,
                            ",", kSnowflakeDialect.min_time, ",", kSnowflakeDialect.max_time);
  for (const Column& column : form.columns()) {
    StrAppend(&text, ";", column.name, ":", NameOf(column.type));
  }
  return ShortHash(text);
}

}  // namespace millrace::snowflake
