#include "loads/load_staging.h"

#include <stop_token>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/status.h"
#include "base/strings.h"
#include "data_files/file_staging.h"

namespace millrace::loads {
namespace {

using data_files::CommitLog;
using data_files::DataFile;
using data_files::FileStore;
using data_files::StagedFiles;

// Beside the first list of the commit's files. What removes files knows it by the commit.
std::string ManifestPath(const Intent& intent) {
  const std::string_view list = intent.parts.front();
  return StrCat(list.substr(0, list.rfind('/') + 1), intent.id, ".manifest");
}

// The warehouse knows which commits were made.
class LoadLog final : public CommitLog {
 public:
  LoadLog(FileStore& store, FileLoader& loader) : store_(store), loader_(loader) {}

  absl::Status Prepare(absl::Span<const Intent> open, const std::stop_token& stop) {
    const absl::Status prepared = loader_.Prepare(open, stop);
    absl::MutexLock lock(&mutex_);
    is_prepared_ = prepared.ok();
    return prepared;
  }

  absl::StatusOr<Outcome> OutcomeOf(const Intent& intent, const std::stop_token& stop) override {
    return loader_.OutcomeOf(intent.id, stop);
  }

  absl::StatusOr<Outcome> Commit(const Intent& intent, const StagedFiles& staged,
                                 const std::stop_token& stop) override {
    // What an earlier process left is committed before this one stages anything.
    if (!is_prepared()) RETURN_IF_ERROR(Prepare({&intent, 1}, stop));
    if (staged.files.empty()) return absl::DataLossError("the commit has no files");
    FileLoad load = LoadOf(intent, staged.files);
    load.write_manifest = [&](std::string_view text) -> absl::StatusOr<std::string> {
      const std::string manifest = ManifestPath(intent);
      RETURN_IF_ERROR(store_.Write(manifest, text));
      return store_.Uri(manifest);
    };
    absl::StatusOr<Outcome> outcome = loader_.Load(load, stop);
    if (outcome.ok() || absl::IsUnavailable(outcome.status()) ||
        absl::IsCancelled(outcome.status())) {
      return outcome;
    }
    for (const LoadFile& file : load.files) {
      const absl::Status found = store_.objects().Find(file.uri).status();
      if (absl::IsNotFound(found)) return found;
    }
    absl::MutexLock lock(&mutex_);
    is_prepared_ = false;  // somebody may have changed the table
    if (!absl::IsNotFound(outcome.status())) return outcome;
    return absl::FailedPreconditionError(outcome.status().message());
  }

  absl::StatusOr<Outcome> Abandon(const Intent& intent, const std::stop_token& stop) override {
    std::vector<DataFile> files;
    for (const std::string& list : intent.parts) {
      absl::StatusOr<StagedFiles> staged = store_.ReadList(list, intent.id);
      if (absl::IsNotFound(staged.status())) continue;
      RETURN_IF_ERROR(staged.status());
      files.insert(files.end(), staged->files.begin(), staged->files.end());
    }
    return loader_.Abandon(LoadOf(intent, files), stop);
  }

 private:
  bool is_prepared() {
    absl::MutexLock lock(&mutex_);
    return is_prepared_;
  }

  FileLoad LoadOf(const Intent& intent, const std::vector<DataFile>& files) {
    FileLoad load{.commit = intent.id};
    for (const DataFile& file : files) {
      load.files.push_back({store_.Uri(file.path), file.rows, file.summary.bytes});
    }
    load.remove_files = [this, commit = intent.id] { return store_.RemoveFilesOf(commit); };
    return load;
  }

  FileStore& store_;
  FileLoader& loader_;
  absl::Mutex mutex_;
  bool is_prepared_ ABSL_GUARDED_BY(mutex_) = false;
};

// Of a commit that was staged in another way, this one knows nothing.
absl::Status CheckIsOurs(const FileStore& store, const Intent& intent) {
  const std::string folder = store.StagedFolder("");
  for (const std::string& part : intent.parts) {
    if (part.starts_with(folder)) continue;
    return absl::FailedPreconditionError(
        StrCat("the commit ", intent.id, " was begun with another method or bucket (\"",
               Shorten(part, 64), "\"): run the command once more with the DEST of that run"));
  }
  return absl::OkStatus();
}

class LoadCommitter final : public Committer {
 public:
  LoadCommitter(FileStore& store, std::unique_ptr<Committer> files)
      : store_(store), files_(std::move(files)) {}

  CommitResult Commit(const Intent& intent, std::stop_token stop) override {
    if (const absl::Status ours = CheckIsOurs(store_, intent); !ours.ok()) {
      return {.kind = CommitResult::Kind::kStop, .status = ours};
    }
    CommitResult result = files_->Commit(intent, std::move(stop));
    if (result.kind == CommitResult::Kind::kCommitted) RemoveManifest(intent);
    return result;
  }
  absl::Status Abandon(const Intent& intent, std::stop_token stop) override {
    RETURN_IF_ERROR(CheckIsOurs(store_, intent));
    RETURN_IF_ERROR(files_->Abandon(intent, std::move(stop)));
    RemoveManifest(intent);
    return absl::OkStatus();
  }

 private:
  // Also one that a killed process has written. If it stays, the next run removes it.
  void RemoveManifest(const Intent& intent) {
    if (intent.parts.empty()) return;
    store_.objects().Remove(store_.Uri(ManifestPath(intent))).IgnoreError();
  }

  FileStore& store_;
  const std::unique_ptr<Committer> files_;
};

class LoadStaging final : public Staging {
 public:
  LoadStaging(const LoadStagingParts& parts, std::string scratch)
      : store_(parts.store),
        log_(parts.store, parts.loader),
        files_(data_files::NewFileStaging({.layout = parts.layout,
                                           .form = parts.form,
                                           .store = parts.store,
                                           .log = log_,
                                           .traffic = parts.traffic,
                                           .clock = parts.clock,
                                           .in_place = true},
                                          std::move(scratch))) {}

  std::unique_ptr<StagedSink> NewSink() override { return files_->NewSink(); }
  std::unique_ptr<Committer> NewCommitter() override {
    return std::make_unique<LoadCommitter>(store_, files_->NewCommitter());
  }
  absl::Status RemoveOrphans(absl::Span<const Intent> open, std::stop_token stop) override {
    RETURN_IF_ERROR(log_.Prepare(open, stop));
    return files_->RemoveOrphans(open, std::move(stop));
  }

 private:
  FileStore& store_;
  LoadLog log_;
  const std::unique_ptr<Staging> files_;
};

}  // namespace

std::unique_ptr<Staging> NewLoadStaging(const LoadStagingParts& parts, std::string scratch) {
  return std::make_unique<LoadStaging>(parts, std::move(scratch));
}

}  // namespace millrace::loads
