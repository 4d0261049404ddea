#include "connectors/snowflake/elastic_sink.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "connectors/snowflake/append_rows.h"
#include "connectors/snowflake/json_rows.h"
#include "connectors/snowflake/request_id.h"
#include "connectors/snowflake/server_error.h"
#include "pipeline/batch_identity.h"

namespace millrace::snowflake {
namespace {

class ElasticSink final : public Sink {
 public:
  ElasticSink(const ElasticSinkParts& parts, std::unique_ptr<PipeClient> client)
      : parts_(parts), client_(std::move(client)), encoded_(parts.form, parts.columns) {}

  WriteResult Write(const Batch& batch, absl::Span<const BatchSpan> spans,
                    std::stop_token stop) override;

 private:
  // How far the writes of a batch have come.
  struct Progress {
    BatchIdentity batch;
    absl::Time insert_time;
    size_t sent = 0;         // rows that are durable or refused
    std::string request_id;  // of the next part
    RowRange part;           // which is sent again as it is
    int tries = 0;           // requests with that id
    std::vector<RefusedRow> too_large;
  };

  enum class Sent { kAll, kTooLarge, kFailed };
  Sent SendPart(RowRange part, std::optional<WriteResult>& failed, const std::stop_token& stop);

  const ElasticSinkParts parts_;
  const std::unique_ptr<PipeClient> client_;
  JsonRows encoded_;
  BodyEncoder body_;
  std::optional<Progress> progress_;
};

ElasticSink::Sent ElasticSink::SendPart(RowRange part, std::optional<WriteResult>& failed,
                                        const std::stop_token& stop) {
  const absl::StatusOr<AppendBody> body = body_.Encode(encoded_, part);
  if (!body.ok()) {
    failed = WriteResult::Stop(body.status());
    return Sent::kFailed;
  }
  if (body->compressed.size() > kMaxAppendBytes) return Sent::kTooLarge;
  if (progress_->request_id.empty() || !(progress_->part == part)) {
    progress_->request_id = NewRequestId();
    progress_->part = part;
    progress_->tries = 0;
  }
  const absl::Status sent =
      client_->AppendElastic(progress_->request_id, progress_->tries++, *body, stop);
  if (sent.ok()) return Sent::kAll;
  const ServerError& error = client_->error();
  if (error.http_status == 413) return Sent::kTooLarge;
  const ErrorKind kind = RuleOf(error).kind;
  if (absl::IsUnavailable(sent) || absl::IsCancelled(sent)) {
    failed = WriteResult::Retry(sent, client_->retry_after(), kind == ErrorKind::kThrottled);
  } else if ((error.http_status == 400 || error.http_status == 422) && progress_->sent == 0) {
    failed = WriteResult::RefusedWhole(sent);
  } else {
    failed = WriteResult::Stop(sent);
  }
  return Sent::kFailed;
}

WriteResult ElasticSink::Write(const Batch& batch, absl::Span<const BatchSpan> spans,
                               std::stop_token stop) {
  if (stop.stop_requested()) return WriteResult::Retry(StopRequested());
  if (parts_.prepare != nullptr) {
    const absl::Status prepared = parts_.prepare(stop);
    if (absl::IsUnavailable(prepared) || absl::IsCancelled(prepared)) {
      return WriteResult::Retry(prepared);
    }
    if (!prepared.ok()) return WriteResult::Stop(prepared);
  }
  const BatchIdentity identity = BatchIdentity::Of(batch);
  if (!progress_ || !(progress_->batch == identity)) {
    progress_ = Progress{.batch = identity, .insert_time = parts_.clock.Now()};
  }
  encoded_.Encode(batch, spans, progress_->insert_time);
  for (const RefusedRow& row : progress_->too_large) encoded_.Refuse({row.row, row.row + 1}, row);
  while (progress_->sent < batch.rows()) {
    RowRange part = FirstPart(batch, encoded_, {progress_->sent, batch.rows()});
    Sent sent = Sent::kTooLarge;
    while (sent == Sent::kTooLarge && !encoded_.bytes(part).empty()) {
      std::optional<WriteResult> failed;
      sent = SendPart(part, failed, stop);
      if (failed) {
        if (!failed->retryable()) progress_.reset();
        return *std::move(failed);
      }
      if (sent == Sent::kAll) break;
      const RowRange half = FirstHalf(batch, part);
      if (half == part) {
        for (size_t row = part.begin; row < part.end; ++row) {
          encoded_.Refuse({row, row + 1}, TooLarge(row));
          progress_->too_large.push_back(TooLarge(row));
        }
        break;
      }
      part = half;
    }
    progress_->sent = part.end;
    progress_->request_id.clear();
  }
  progress_.reset();
  return WriteResult::Durable(encoded_.refused());
}

}  // namespace

std::unique_ptr<Sink> NewElasticSink(const ElasticSinkParts& parts,
                                     std::unique_ptr<PipeClient> client) {
  return std::make_unique<ElasticSink>(parts, std::move(client));
}

}  // namespace millrace::snowflake
