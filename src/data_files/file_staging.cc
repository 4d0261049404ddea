#include "data_files/file_staging.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "base/log.h"
#include "base/parallel.h"
#include "base/status.h"
#include "base/strings.h"
#include "data_files/partitions.h"
#include "io/worker_id.h"
#include "pipeline/row_group.h"

namespace millrace::data_files {
namespace {

using Outcome = CommitLog::Outcome;

constexpr size_t kThreads = 8;                // that write or move files
constexpr size_t kPartitionBytes = 16 << 10;  // as which one counts: a commit has few files
constexpr size_t kCommitDigits = 32;          // of an intent's id, with which names begin

std::string NumberedName(std::string_view commit, size_t number, std::string_view extension) {
  return StrCat(commit, absl::StrFormat("-%05d", number), extension);
}

// What a process of this machine that has ended has staged below `folder`: its name there, without
// the process. Nullopt for all else.
std::optional<std::string_view> NameStagedByDead(std::string_view uri, std::string_view folder) {
  if (!uri.starts_with(folder)) return std::nullopt;  // not ours: a link leads elsewhere
  const std::string_view path = uri.substr(folder.size());
  const size_t slash = path.find('/');
  if (slash == std::string_view::npos || !IsWorkerTagDead(path.substr(0, slash))) {
    return std::nullopt;
  }
  return path.substr(slash + 1);
}

class FileStaging final : public Staging {
 public:
  FileStaging(const FileStagingParts& parts, std::string scratch)
      : parts_(parts),
        process_(CurrentWorkerTag()),
        partitions_(parts.layout, parts.form, std::move(scratch)) {}

  ~FileStaging() override { RemoveFolder(process_); }

  std::unique_ptr<StagedSink> NewSink() override;
  std::unique_ptr<Committer> NewCommitter() override;
  absl::Status RemoveOrphans(absl::Span<const Intent> open, std::stop_token stop) override;

  const FileStagingParts& parts() const { return parts_; }
  Partitions& partitions() { return partitions_; }
  // Seals what all sinks have staged.
  absl::StatusOr<std::vector<std::string>> Seal(const std::string& commit);

 private:
  // The files of a commit that is being sealed, and which of them are written.
  struct Sealing {
    std::vector<Partitions::File> files;
    std::vector<DataFile> written;  // without a path: not yet
  };

  absl::Status Write(const std::string& commit, const Partitions::File& file, size_t number,
                     DataFile& written);
  // On disk: that of what a process has staged, if it is empty.
  void RemoveFolder(std::string_view process);
  void RemoveFoldersOfDead();
  // The parts of files that they were uploading. Fails only if it is stopped.
  absl::Status RemoveUploadsOfDead();

  const FileStagingParts parts_;
  const std::string process_;
  Partitions partitions_;
  absl::Mutex mutex_;
  Sealing sealing_ ABSL_GUARDED_BY(mutex_);
  std::atomic<bool> has_warned_ = false;  // that uploads could not be removed
};

class FileSink final : public StagedSink {
 public:
  explicit FileSink(FileStaging& staging)
      : staging_(staging), encoder_(NewRowEncoder(staging.parts().layout, staging.parts().form)) {}

  WriteResult Stage(const Batch& batch, absl::Span<const BatchSpan> spans,
                    std::stop_token stop) override {
    if (stop.stop_requested()) return WriteResult::Retry(StopRequested());
    rows_.clear();
    std::vector<RefusedRow> refused;
    const absl::Time now = staging_.parts().clock.Now();
    RowGroups groups(batch, spans);
    for (RowRange group = groups.Next(); group.size() > 0; group = groups.Next()) {
      Encode(batch, group, now, refused);
    }
    const absl::StatusOr<size_t> partitions = staging_.partitions().Add(rows_);
    if (!partitions.ok()) return WriteResult::Stop(partitions.status());
    staged_bytes_ += rows_.bytes.size() + *partitions * kPartitionBytes;
    return WriteResult::Durable(std::move(refused));
  }

  absl::StatusOr<std::vector<std::string>> Seal(const std::string& commit_id,
                                                std::stop_token stop) override {
    const FileStore::Stop watch = staging_.parts().store.Watch(stop);
    ASSIGN_OR_RETURN(std::vector<std::string> parts, staging_.Seal(commit_id));
    staged_bytes_ = 0;
    return parts;
  }

  size_t staged_bytes() const override { return staged_bytes_; }

 private:
  void Encode(const Batch& batch, RowRange group, absl::Time now,
              std::vector<RefusedRow>& refused) {
    const size_t before = rows_.rows.size();
    for (size_t row = group.begin; row < group.end; ++row) {
      RefusedRow why{.row = row};
      if (encoder_->Append(batch.row(row), now, rows_, why)) continue;
      rows_.Truncate(before);
      RefuseGroup(group, why, refused);
      return;
    }
  }

  FileStaging& staging_;
  const std::unique_ptr<RowEncoder> encoder_;
  EncodedRows rows_;
  size_t staged_bytes_ = 0;
};

class FileCommitter final : public Committer {
 public:
  FileCommitter(FileStore& store, CommitLog& log, bool in_place)
      : store_(store), log_(log), in_place_(in_place) {}

  CommitResult Commit(const Intent& intent, std::stop_token stop) override {
    const FileStore::Stop watch = store_.Watch(stop);
    const absl::StatusOr<Outcome> outcome = TryToCommit(intent, stop);
    if (outcome.ok()) {
      if (*outcome == Outcome::kCommitted) {
        if (in_place_) RemoveLoaded(intent);
        RemoveLists(intent);
        return {.kind = CommitResult::Kind::kCommitted};
      }
      return {.kind = CommitResult::Kind::kGone,
              .status = absl::FailedPreconditionError("the commit was abandoned")};
    }
    const absl::Status& why = outcome.status();
    if (absl::IsNotFound(why)) return {.kind = CommitResult::Kind::kGone, .status = why};
    const bool may_pass = absl::IsUnavailable(why) || absl::IsCancelled(why);
    return {.kind = may_pass ? CommitResult::Kind::kRetry : CommitResult::Kind::kStop,
            .status = why};
  }

  absl::Status Abandon(const Intent& intent, std::stop_token stop) override {
    const FileStore::Stop watch = store_.Watch(stop);
    ASSIGN_OR_RETURN(const Outcome outcome, log_.Abandon(intent, stop));
    if (outcome == Outcome::kCommitted) {
      return absl::FailedPreconditionError(StrCat("the commit ", intent.id, " is made"));
    }
    // Staged files first: what is not there cannot be moved any more.
    std::vector<DataFile> files;
    for (const std::string& list : intent.parts) {
      absl::StatusOr<StagedFiles> staged = store_.ReadList(list, intent.id);
      if (absl::IsNotFound(staged.status())) {
        // Somebody has removed the list: a part may be visible all the same.
        RETURN_IF_ERROR(store_.RemoveFilesOf(intent.id));
        continue;
      }
      RETURN_IF_ERROR(staged.status());
      files.insert(files.end(), staged->files.begin(), staged->files.end());
    }
    for (std::string DataFile::*name : {&DataFile::staged, &DataFile::path}) {
      RETURN_IF_ERROR(ForEachInParallel(files.size(), kThreads, [&](size_t i) {
        return store_.objects().Remove(store_.Uri(files[i].*name));
      }));
    }
    RemoveLists(intent);
    return absl::OkStatus();
  }

 private:
  // NotFound: a part is gone.
  absl::StatusOr<Outcome> TryToCommit(const Intent& intent, const std::stop_token& stop) {
    ASSIGN_OR_RETURN(const Outcome before, log_.OutcomeOf(intent, stop));
    if (before != Outcome::kNone) return before;
    StagedFiles all;
    for (const std::string& list : intent.parts) {
      absl::StatusOr<StagedFiles> staged = store_.ReadList(list, intent.id);
      if (absl::IsNotFound(staged.status())) {
        ASSIGN_OR_RETURN(const bool is_made, log_.HasFilesOf(intent, stop));
        if (is_made) return Outcome::kCommitted;
      }
      RETURN_IF_ERROR(staged.status());
      all.files.insert(all.files.end(), staged->files.begin(), staged->files.end());
      all.note = std::move(staged->note);
    }
    if (!in_place_) {
      RETURN_IF_ERROR(ForEachInParallel(all.files.size(), kThreads,
                                        [&](size_t i) { return Show(all.files[i]); }));
    }
    return log_.Commit(intent, all, stop);
  }

  absl::Status Show(const DataFile& file) {
    ObjectStore& objects = store_.objects();
    const absl::Status moved = objects.Move(store_.Uri(file.staged), store_.Uri(file.path));
    if (!absl::IsNotFound(moved)) return moved;
    return objects.Find(store_.Uri(file.path)).status();  // an earlier try has moved it
  }

  // What is left of it is removed as an orphan.
  void RemoveLoaded(const Intent& intent) {
    for (const std::string& list : intent.parts) {
      const absl::StatusOr<StagedFiles> staged = store_.ReadList(list, intent.id);
      if (!staged.ok()) continue;
      ForEachInParallel(staged->files.size(), kThreads, [&](size_t i) {
        return store_.objects().Remove(store_.Uri(staged->files[i].path));
      }).IgnoreError();
    }
  }

  // What is left of them does no harm.
  void RemoveLists(const Intent& intent) {
    for (const std::string& list : intent.parts) {
      store_.objects().Remove(store_.Uri(list)).IgnoreError();
    }
  }

  FileStore& store_;
  CommitLog& log_;
  const bool in_place_;
};

std::unique_ptr<StagedSink> FileStaging::NewSink() { return std::make_unique<FileSink>(*this); }

std::unique_ptr<Committer> FileStaging::NewCommitter() {
  return std::make_unique<FileCommitter>(parts_.store, parts_.log, parts_.in_place);
}

absl::Status FileStaging::Write(const std::string& commit, const Partitions::File& file,
                                size_t number, DataFile& written) {
  const std::string_view extension = ExtensionOf(parts_.layout.format);
  DataFile made{
      .staged = StrCat(parts_.store.StagedFolder(process_),
                       NumberedName(commit, number, parts_.in_place ? extension : ".part")),
      .path = {},
      .partition = file.partition,
      .rows = file.rows,
      .summary = {}};
  made.path = parts_.in_place ? made.staged
                              : StrCat(parts_.layout.path.FolderOf(file.partition),
                                       NumberedName(commit, number, extension));
  ASSIGN_OR_RETURN(const std::unique_ptr<ObjectWriter> writer,
                   parts_.store.objects().Create(parts_.store.Uri(made.staged)));
  const auto coder = partitions_.Coder();
  ASSIGN_OR_RETURN(made.summary, (*coder)->Write(file.blocks, *writer));
  ++parts_.traffic.requests;
  parts_.traffic.bytes_sent += made.summary.bytes;
  written = std::move(made);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> FileStaging::Seal(const std::string& commit) {
  absl::MutexLock lock(&mutex_);
  if (sealing_.files.empty()) {
    ASSIGN_OR_RETURN(sealing_.files, partitions_.Take());
    if (sealing_.files.empty()) return std::vector<std::string>();
    sealing_.written.assign(sealing_.files.size(), DataFile());
  }
  RETURN_IF_ERROR(ForEachInParallel(sealing_.files.size(), kThreads,
                                    [&](size_t i) ABSL_NO_THREAD_SAFETY_ANALYSIS {
                                      DataFile& written = sealing_.written[i];
                                      if (!written.path.empty()) return absl::OkStatus();
                                      return Write(commit, sealing_.files[i], i, written);
                                    }));
  std::string list = parts_.store.ListPath(process_, commit);
  RETURN_IF_ERROR(parts_.store.WriteList(list, {sealing_.written, parts_.log.Note()}));
  sealing_ = Sealing();
  partitions_.Release();
  return std::vector<std::string>{std::move(list)};
}

void FileStaging::RemoveFolder(std::string_view process) {
  const std::string folder = parts_.store.local_folder();
  if (!folder.empty()) ::rmdir((folder + parts_.store.StagedFolder(process)).c_str());
}

void FileStaging::RemoveFoldersOfDead() {
  const std::string folder = parts_.store.local_folder();
  if (folder.empty()) return;
  std::error_code error;
  std::vector<std::string> dead;
  for (const auto& entry :
       std::filesystem::directory_iterator(folder + parts_.store.StagedFolder(""), error)) {
    const std::string process = entry.path().filename().string();
    if (IsWorkerTagDead(process)) dead.push_back(process);
  }
  for (const std::string& process : dead) RemoveFolder(process);
}

absl::Status FileStaging::RemoveOrphans(absl::Span<const Intent> open, std::stop_token stop) {
  {
    // Of an earlier run of this process.
    absl::MutexLock lock(&mutex_);
    sealing_ = Sealing();
  }
  partitions_.Clear();
  const FileStore::Stop watch = parts_.store.Watch(stop);
  ObjectStore& objects = parts_.store.objects();
  const std::string folder = parts_.store.Uri(parts_.store.StagedFolder(""));
  std::vector<std::string> orphans;
  const auto look = [&](std::string_view uri) {
    const std::optional<std::string_view> name = NameStagedByDead(uri, folder);
    if (!name) return absl::OkStatus();
    const std::string_view commit = name->substr(0, kCommitDigits);
    const bool is_open = std::any_of(
        open.begin(), open.end(), [commit](const Intent& intent) { return intent.id == commit; });
    if (!is_open) orphans.emplace_back(uri);
    return absl::OkStatus();
  };
  // Files on disk that a process was writing when it was killed are hidden.
  const absl::Status listed = objects.List(
      folder, [&](const ObjectInfo& object) { return look(object.uri); }, look);
  if (!listed.ok() && !absl::IsNotFound(listed)) return listed;
  if (!orphans.empty()) {
    Log(Severity::kInfo, "removing files that an earlier run has staged and not committed",
        {{"files", orphans.size()}});
  }
  RETURN_IF_ERROR(ForEachInParallel(orphans.size(), kThreads,
                                    [&](size_t i) { return objects.Remove(orphans[i]); }));
  RemoveFoldersOfDead();
  return RemoveUploadsOfDead();
}

// Those of open commits too: their files were complete before. What is left costs money and does no
// other harm, so the run continues if it may not remove it.
absl::Status FileStaging::RemoveUploadsOfDead() {
  const std::string folder = parts_.store.Uri(parts_.store.StagedFolder(""));
  const absl::StatusOr<size_t> removed = parts_.store.objects().RemoveUnfinished(
      folder, [&](std::string_view uri) { return NameStagedByDead(uri, folder).has_value(); });
  if (absl::IsCancelled(removed.status())) return removed.status();
  if (!removed.ok()) {
    if (has_warned_.exchange(true)) return absl::OkStatus();
    Log(Severity::kWarning, "cannot remove uploads that a killed run has left",
        {{"error", ToStd(removed.status().message())}});
  } else if (*removed > 0) {
    Log(Severity::kInfo, "removed uploads that a killed run has left", {{"uploads", *removed}});
  }
  return absl::OkStatus();
}

}  // namespace

std::unique_ptr<Staging> NewFileStaging(const FileStagingParts& parts, std::string scratch) {
  return std::make_unique<FileStaging>(parts, std::move(scratch));
}

// Large commits make large files. Few workers encode as fast as the processors allow.
void AdaptOptions(absl::Duration age, RunOptions& options) {
  options.max_writes = std::min(options.max_writes, 4);
  options.initial_writes = std::min(options.initial_writes, options.max_writes);
  options.commit.bytes = size_t{4} << 30;  // before they are compressed
  options.commit.rows = 20'000'000;
  options.commit.age = age;
}

}  // namespace millrace::data_files
