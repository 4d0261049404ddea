#include "connectors/iceberg/iceberg_staging.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/status.h"
#include "connectors/iceberg/append_target.h"
#include "connectors/iceberg/table_commits.h"
#include "data_files/file_staging.h"

namespace millrace::iceberg {
namespace {

bool MayPass(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsCancelled(status);
}

class IcebergStaging final : public Staging {
 public:
  IcebergStaging(IcebergStagingParts parts, std::string scratch)
      : parts_(std::move(parts)), scratch_(std::move(scratch)) {}

  std::unique_ptr<StagedSink> NewSink() override;
  std::unique_ptr<Committer> NewCommitter() override;

  absl::Status RemoveOrphans(absl::Span<const Intent> open, std::stop_token stop) override {
    ASSIGN_OR_RETURN(Staging* const staging, Files(stop));
    return staging->RemoveOrphans(open, std::move(stop));
  }

  // The staging of the table's files.
  absl::StatusOr<Staging*> Files(const std::stop_token& stop) {
    absl::MutexLock lock(&mutex_);
    if (files_ != nullptr) return files_.get();
    ASSIGN_OR_RETURN(target_, PrepareTable(parts_.catalog, parts_.spec, parts_.form, stop));
    ASSIGN_OR_RETURN(data_files::FileStore* const store, parts_.store_at(target_->location));
    log_ = NewTableCommits(parts_.catalog, *store, *target_, parts_.clock);
    files_ = data_files::NewFileStaging({.layout = target_->layout,
                                         .form = parts_.form,
                                         .store = *store,
                                         .log = *log_,
                                         .traffic = parts_.traffic,
                                         .clock = parts_.clock},
                                        scratch_);
    return files_.get();
  }

 private:
  const IcebergStagingParts parts_;
  const std::string scratch_;
  absl::Mutex mutex_;
  // Set once; used without the mutex afterwards.
  std::optional<AppendTarget> target_;
  std::unique_ptr<data_files::CommitLog> log_;
  std::unique_ptr<Staging> files_ ABSL_GUARDED_BY(mutex_);
};

class IcebergSink final : public StagedSink {
 public:
  explicit IcebergSink(IcebergStaging& staging) : staging_(staging) {}

  WriteResult Stage(const Batch& batch, absl::Span<const BatchSpan> spans,
                    std::stop_token stop) override {
    if (sink_ == nullptr) {
      const absl::StatusOr<Staging*> files = staging_.Files(stop);
      if (!files.ok()) {
        return MayPass(files.status()) ? WriteResult::Retry(files.status())
                                       : WriteResult::Stop(files.status());
      }
      sink_ = (*files)->NewSink();
    }
    return sink_->Stage(batch, spans, std::move(stop));
  }

  absl::StatusOr<std::vector<std::string>> Seal(const std::string& commit_id,
                                                std::stop_token stop) override {
    if (sink_ == nullptr) return std::vector<std::string>();
    return sink_->Seal(commit_id, std::move(stop));
  }

  size_t staged_bytes() const override { return sink_ == nullptr ? 0 : sink_->staged_bytes(); }

 private:
  IcebergStaging& staging_;
  std::unique_ptr<StagedSink> sink_;
};

class IcebergCommitter final : public Committer {
 public:
  explicit IcebergCommitter(IcebergStaging& staging) : staging_(staging) {}

  CommitResult Commit(const Intent& intent, std::stop_token stop) override {
    const absl::Status status = Open(stop);
    if (!status.ok()) {
      const bool may_pass = MayPass(status);
      return {.kind = may_pass ? CommitResult::Kind::kRetry : CommitResult::Kind::kStop,
              .status = status};
    }
    return committer_->Commit(intent, std::move(stop));
  }

  absl::Status Abandon(const Intent& intent, std::stop_token stop) override {
    RETURN_IF_ERROR(Open(stop));
    return committer_->Abandon(intent, std::move(stop));
  }

 private:
  absl::Status Open(const std::stop_token& stop) {
    if (committer_ != nullptr) return absl::OkStatus();
    ASSIGN_OR_RETURN(Staging* const files, staging_.Files(stop));
    committer_ = files->NewCommitter();
    return absl::OkStatus();
  }

  IcebergStaging& staging_;
  std::unique_ptr<Committer> committer_;
};

std::unique_ptr<StagedSink> IcebergStaging::NewSink() {
  return std::make_unique<IcebergSink>(*this);
}

std::unique_ptr<Committer> IcebergStaging::NewCommitter() {
  return std::make_unique<IcebergCommitter>(*this);
}

}  // namespace

std::unique_ptr<Staging> NewIcebergStaging(IcebergStagingParts parts, std::string scratch) {
  return std::make_unique<IcebergStaging>(std::move(parts), std::move(scratch));
}

}  // namespace millrace::iceberg
