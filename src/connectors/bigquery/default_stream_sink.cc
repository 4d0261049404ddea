#include "connectors/bigquery/default_stream_sink.h"

#include <optional>

#include "base/status.h"
#include "base/strings.h"
#include "connectors/bigquery/append_stream.h"
#include "pipeline/batch_identity.h"

namespace millrace::bigquery {
namespace {

class DefaultStreamSink final : public Sink {
 public:
  explicit DefaultStreamSink(const DefaultStreamParts& parts)
      : parts_(parts),
        batch_(parts.form, FormatOf(parts)),
        stream_(parts.connection, parts.traffic, parts.streams.default_stream(),
                parts.version ? ChangeDescriptor(parts.form) : RowDescriptor(parts.form)) {}

  WriteResult Write(const Batch& batch, absl::Span<const BatchSpan> spans,
                    std::stop_token stop) override {
    if (stop.stop_requested()) return WriteResult::Retry(StopRequested());
    if (const absl::Status ready = parts_.table.Ensure(stop); !ready.ok()) {
      const bool may_pass = absl::IsUnavailable(ready) || absl::IsCancelled(ready);
      return may_pass ? WriteResult::Retry(ready) : WriteResult::Stop(ready);
    }
    const BatchIdentity identity = BatchIdentity::Of(batch);
    const absl::Time version = parts_.version ? parts_.version() : parts_.clock.Now();
    const bool is_outdated = parts_.version && version != version_;
    if (in_progress_ != identity || is_outdated) {
      version_ = version;
      batch_.Encode(batch, spans, version_);
      in_progress_ = identity;
      has_stored_ = false;
    }
    while (batch_.request_rows() > 0) {
      const AppendOutcome outcome = stream_.Append(batch_, std::nullopt, stop);
      if (!outcome.bad_rows.empty()) {
        for (const auto& [row, message] : outcome.bad_rows) batch_.Refuse(row, message);
        batch_.Retried();
      } else if (outcome.error.ok()) {
        has_stored_ = true;
        batch_.Appended();
      } else {
        return Failure(outcome.error, stop);
      }
    }
    in_progress_.reset();
    return WriteResult::Durable(batch_.TakeRefused());
  }

 private:
  RequestFormat FormatOf(const DefaultStreamParts& parts) {
    RequestFormat format{.max_bytes = parts.max_request_bytes};
    if (parts.version) {
      format.encode = [this](TableRow row, ByteBuffer& out) {
        AppendChange(parts_.form, parts_.change, version_, row, out);
      };
    }
    return format;
  }

  WriteResult Failure(const StorageError& error, const std::stop_token& stop) {
    if (stop.stop_requested()) return WriteResult::Retry(StopRequested());
    const absl::Status why =
        Annotate(Explain(error, parts_.streams.table()), "appending to BigQuery");
    switch (ClassifyAppend(error)) {
      case ErrorAction::kRetry:
        return WriteResult::Retry(why);
      case ErrorAction::kThrottled:
        return WriteResult::Retry(why, absl::ZeroDuration(), /*throttled=*/true);
      case ErrorAction::kStreamLost:  // this stream goes only with its table
      case ErrorAction::kNotYet:
        if (parts_.table.is_settling()) return WriteResult::Retry(why);
        parts_.table.Reset();
        return WriteResult::Stop(why);
      default:
        in_progress_.reset();
        if (absl::IsInvalidArgument(error.status) && !has_stored_) {
          return WriteResult::RefusedWhole(why);
        }
        return WriteResult::Stop(why);
    }
  }

  const DefaultStreamParts parts_;
  absl::Time version_;  // of the batch
  AppendBatch batch_;
  AppendStream stream_;
  std::optional<BatchIdentity> in_progress_;  // the batch that is partly written, or may be
  bool has_stored_ = false;                   // some of it
};

}  // namespace

std::unique_ptr<Sink> NewDefaultStreamSink(const DefaultStreamParts& parts) {
  return std::make_unique<DefaultStreamSink>(parts);
}

}  // namespace millrace::bigquery
