#include "connectors/bigquery/bigquery_staging.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/bigquery/append_batch.h"
#include "connectors/bigquery/append_stream.h"
#include "connectors/bigquery/row_encoder.h"
#include "connectors/bigquery/stream_committer.h"
#include "pipeline/batch_identity.h"

namespace millrace::bigquery {
namespace {

// How long a table or column that was made may be unknown to the Storage Write API.
constexpr absl::Duration kNewFor = absl::Minutes(10);

class BigqueryStaging final : public Staging {
 public:
  explicit BigqueryStaging(StagingParts parts)
      : parts_(std::move(parts)), descriptor_(RowDescriptor(parts_.form)) {}

  std::unique_ptr<StagedSink> NewSink() override;
  std::unique_ptr<Committer> NewCommitter() override {
    return NewStreamCommitter(parts_.streams, parts_.forgotten, parts_.table_time);
  }

  // Streams that nobody announced are removed by the service; they cannot be listed.
  // The table may have been changed since an earlier run of this process.
  absl::Status RemoveOrphans(absl::Span<const Intent>, std::stop_token stop) override {
    {
      absl::MutexLock lock(&mutex_);
      is_prepared_ = false;
    }
    return Prepare(stop);
  }

  absl::Status Prepare(const std::stop_token& stop) {
    absl::MutexLock lock(&mutex_);
    if (is_prepared_) return absl::OkStatus();
    ASSIGN_OR_RETURN(const bool is_changed, parts_.prepare(stop));
    if (is_changed) changed_at_ = parts_.clock.Elapsed();
    if (parts_.table_time) {
      ASSIGN_OR_RETURN(table_time_, parts_.table_time(stop));
    }
    is_prepared_ = true;
    return absl::OkStatus();
  }

  const StagingParts& parts() const { return parts_; }
  const std::string& descriptor() const { return descriptor_; }

  // What an error means that the service may have because it does not know the table yet.
  ErrorAction Decide(ErrorAction action) {
    if (action != ErrorAction::kNotYet) return action;
    absl::MutexLock lock(&mutex_);
    return IsNew() ? ErrorAction::kRetry : ErrorAction::kStop;
  }

  // The fence of a commit, of which there is one: nullopt for all but the first who asks.
  absl::StatusOr<std::optional<std::string>> Fence(const std::string& commit,
                                                   const std::stop_token& stop) {
    absl::MutexLock lock(&mutex_);
    if (fenced_ == commit) return std::nullopt;
    // A fence that was made for a call that failed serves the next one.
    if (next_fence_.empty()) {
      RETURN_IF_ERROR(SealedWhile(IsNew(), parts_.streams.Create(next_fence_, stop), stop));
    }
    int64_t rows = 0;
    const StorageError finalized = parts_.streams.Finalize(next_fence_, rows, stop);
    // Finalized already: by an earlier call, whose answer was lost.
    if (finalized.code != StorageCode::kStreamFinalized) {
      if (ClassifyAppend(finalized) == ErrorAction::kStreamLost) next_fence_.clear();
      RETURN_IF_ERROR(SealedWhile(IsNew(), finalized, stop));
    }
    fenced_ = commit;
    const std::string id = std::exchange(next_fence_, "");
    return table_time_.empty() ? id : StrCat(id, "@", table_time_);
  }

  // As Seal() reports it: Unavailable if it is worth a retry.
  absl::Status Sealed(const StorageError& error, const std::stop_token& stop) {
    bool is_new = false;
    {
      absl::MutexLock lock(&mutex_);
      is_new = IsNew();
    }
    return SealedWhile(is_new, error, stop);
  }

 private:
  // Whether the service may not know the table yet.
  bool IsNew() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return changed_at_ && parts_.clock.Elapsed() - *changed_at_ < kNewFor;
  }

  absl::Status SealedWhile(bool is_new, const StorageError& error,
                           const std::stop_token& stop) const {
    if (error.ok() || stop.stop_requested()) return error.status;
    const ErrorAction action = ClassifyCall(error);
    const absl::Status why = Explain(error, parts_.streams.table());
    const bool may_pass = action == ErrorAction::kRetry || action == ErrorAction::kThrottled ||
                          absl::IsCancelled(error.status) ||
                          (action == ErrorAction::kNotYet && is_new);
    return may_pass ? absl::UnavailableError(why.message()) : why;
  }

  const StagingParts parts_;
  const std::string descriptor_;
  absl::Mutex mutex_;
  bool is_prepared_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::Duration> changed_at_ ABSL_GUARDED_BY(mutex_);
  std::string table_time_ ABSL_GUARDED_BY(mutex_);
  std::string next_fence_ ABSL_GUARDED_BY(mutex_);
  std::string fenced_ ABSL_GUARDED_BY(mutex_);
};

class BigquerySink final : public StagedSink {
 public:
  explicit BigquerySink(BigqueryStaging& staging)
      : staging_(staging), batch_(staging.parts().form, staging.parts().max_request_bytes) {}

  WriteResult Stage(const Batch& batch, absl::Span<const BatchSpan> spans,
                    std::stop_token stop) override;
  absl::StatusOr<std::vector<std::string>> Seal(const std::string& commit_id,
                                                std::stop_token stop) override;
  size_t staged_bytes() const override { return staged_bytes_; }

 private:
  // Makes the batch the one that is being staged, or continues it if it already is.
  void Take(const Batch& batch, absl::Span<const BatchSpan> spans);
  // Nullopt: it may be appended to.
  std::optional<WriteResult> OpenStream(const std::stop_token& stop);
  // Appends the next request of the batch. Nullopt: done, or some of its rows are refused.
  std::optional<WriteResult> AppendOnce(const std::stop_token& stop);
  WriteResult Fail(ErrorAction action, const StorageError& error, const std::stop_token& stop);
  // Whether the stream has all its rows.
  absl::StatusOr<bool> FinalizeStream(const std::stop_token& stop);
  // The rows in the stream are lost for this commit.
  void LoseStream();

  BigqueryStaging& staging_;
  AppendBatch batch_;
  std::optional<BatchIdentity> in_progress_;  // the batch that is partly staged, or may be

  std::string stream_id_;  // empty: none
  std::unique_ptr<AppendStream> stream_;
  int64_t stream_rows_ = 0;
  bool is_broken_ = false;  // rows that were staged since the last Seal() are lost, or too many
  std::string broken_id_;
  std::optional<bool> is_whole_;  // once the stream is finalized
  size_t staged_bytes_ = 0;
};

std::unique_ptr<StagedSink> BigqueryStaging::NewSink() {
  return std::make_unique<BigquerySink>(*this);
}

void BigquerySink::LoseStream() {
  is_broken_ = is_broken_ || stream_rows_ > 0;
  if (broken_id_.empty()) broken_id_ = stream_id_;
  stream_.reset();
  stream_id_.clear();
  stream_rows_ = 0;
}

void BigquerySink::Take(const Batch& batch, absl::Span<const BatchSpan> spans) {
  const BatchIdentity identity = BatchIdentity::Of(batch);
  if (in_progress_ == identity) return;
  // Rows of the other batch may be in the stream, and it will not come again.
  if (in_progress_) {
    is_broken_ = true;
    LoseStream();
  }
  batch_.Encode(batch, spans, staging_.parts().clock.Now());
  in_progress_ = identity;
}

WriteResult BigquerySink::Fail(ErrorAction action, const StorageError& error,
                               const std::stop_token& stop) {
  if (stop.stop_requested()) return WriteResult::Retry(StopRequested());
  const absl::Status why =
      Annotate(Explain(error, staging_.parts().streams.table()), "appending to BigQuery");
  switch (staging_.Decide(action)) {
    case ErrorAction::kRetry:
    case ErrorAction::kStreamLost:
      return WriteResult::Retry(why);
    case ErrorAction::kThrottled:
      return WriteResult::Retry(why, absl::ZeroDuration(), /*throttled=*/true);
    default:
      return WriteResult::Stop(why);
  }
}

std::optional<WriteResult> BigquerySink::OpenStream(const std::stop_token& stop) {
  if (stream_ != nullptr) return std::nullopt;
  const StagingParts& parts = staging_.parts();
  if (const absl::Status ready = staging_.Prepare(stop); !ready.ok()) {
    const bool may_pass = absl::IsUnavailable(ready) || absl::IsCancelled(ready);
    return may_pass ? WriteResult::Retry(ready) : WriteResult::Stop(ready);
  }
  const StorageError error = parts.streams.Create(stream_id_, stop);
  if (!error.ok()) return Fail(ClassifyCall(error), error, stop);
  stream_ = std::make_unique<AppendStream>(parts.connection, parts.traffic,
                                           parts.streams.NameOf(stream_id_), staging_.descriptor());
  stream_rows_ = 0;
  return std::nullopt;
}

std::optional<WriteResult> BigquerySink::AppendOnce(const std::stop_token& stop) {
  if (auto failure = OpenStream(stop)) return failure;
  const AppendOutcome outcome = stream_->Append(batch_, stream_rows_, stop);
  if (!outcome.bad_rows.empty()) {
    for (const auto& [row, message] : outcome.bad_rows) batch_.Refuse(row, message);
    batch_.Retried();
    return std::nullopt;
  }
  const ErrorAction action =
      outcome.error.ok() ? ErrorAction::kIsThere : ClassifyAppend(outcome.error);
  if (action == ErrorAction::kIsThere) {
    stream_rows_ += static_cast<int64_t>(batch_.request_rows());
    batch_.Appended();
    return std::nullopt;
  }
  if (action == ErrorAction::kStreamLost) LoseStream();
  return Fail(action, outcome.error, stop);
}

WriteResult BigquerySink::Stage(const Batch& batch, absl::Span<const BatchSpan> spans,
                                std::stop_token stop) {
  if (stop.stop_requested()) return WriteResult::Retry(StopRequested());
  Take(batch, spans);
  while (batch_.request_rows() > 0) {
    if (auto failure = AppendOnce(stop)) return *std::move(failure);
  }
  in_progress_.reset();
  staged_bytes_ += batch_.bytes();
  return WriteResult::Durable(batch_.TakeRefused());
}

absl::StatusOr<bool> BigquerySink::FinalizeStream(const std::stop_token& stop) {
  int64_t rows = 0;
  const StorageError error = staging_.parts().streams.Finalize(stream_id_, rows, stop);
  if (error.ok()) return rows == stream_rows_;
  // By an earlier call, whose answer was lost; all rows were confirmed before.
  if (error.code == StorageCode::kStreamFinalized) return true;
  if (ClassifyAppend(error) == ErrorAction::kStreamLost) return false;
  return staging_.Sealed(error, stop);
}

absl::StatusOr<std::vector<std::string>> BigquerySink::Seal(const std::string& commit_id,
                                                            std::stop_token stop) {
  if (in_progress_) {
    // Its outcome is unknown, and the commit does not include it.
    is_broken_ = true;
    LoseStream();
    in_progress_.reset();
  }
  std::vector<std::string> parts;
  if (is_broken_) {
    parts.push_back(StrCat(kBrokenPart, broken_id_));
  } else if (stream_rows_ > 0) {
    stream_.reset();  // a stream is finalized without a connection to it
    if (!is_whole_) {
      ASSIGN_OR_RETURN(is_whole_, FinalizeStream(stop));
    }
    parts.push_back(StrCat(*is_whole_ ? kStreamPart : kBrokenPart, stream_id_));
  }
  if (!parts.empty()) {
    ASSIGN_OR_RETURN(const std::optional<std::string> fence, staging_.Fence(commit_id, stop));
    if (fence) parts.push_back(StrCat(kFencePart, *fence));
  }
  stream_.reset();
  stream_id_.clear();
  broken_id_.clear();
  stream_rows_ = 0;
  is_broken_ = false;
  is_whole_.reset();
  staged_bytes_ = 0;
  return parts;
}

}  // namespace

std::unique_ptr<Staging> NewBigqueryStaging(StagingParts parts) {
  return std::make_unique<BigqueryStaging>(std::move(parts));
}

}  // namespace millrace::bigquery
