#include "connectors/dead_letter_files/disk_dead_letter_queue.h"

#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/synchronization/mutex.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/dead_letter_files/folder_lock.h"
#include "connectors/dead_letter_files/row_lines.h"
#include "pipeline/dead_letter_record.h"

namespace millrace {
namespace {

constexpr size_t kMaxOpenFiles = 128;
constexpr size_t kMaxNameBytes = 60;

// The end of a URI, in characters that every file system accepts.
std::string ReadableName(std::string_view uri) {
  while (uri.ends_with('/')) uri.remove_suffix(1);
  std::string name(uri.substr(uri.rfind('/') + 1));
  if (name.size() > kMaxNameBytes) name = name.substr(name.size() - kMaxNameBytes);
  for (char& c : name) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '_') c = '_';
  }
  return name.empty() || name[0] == '.' ? StrCat("_", name) : name;
}

// Which file a path names now; {0, 0} if none.
std::pair<dev_t, ino_t> IdentityOf(const std::string& path) {
  struct stat stat;
  if (::stat(path.c_str(), &stat) != 0) return {};
  return {stat.st_dev, stat.st_ino};
}

// One file that records are being added to.
class RecordFile {
 public:
  RecordFile(std::string folder, std::string path)
      : folder_(std::move(folder)), path_(std::move(path)) {}

  absl::Status Append(std::string_view lines) {
    absl::MutexLock lock(&mutex_);
    ASSIGN_OR_RETURN(const FolderLock folder_lock, FolderLock::Take(folder_));
    // Another process may have replaced it with a new file that has all its content.
    if (file_ != nullptr && IdentityOf(path_) != identity_) file_.reset();
    if (file_ == nullptr) {
      ASSIGN_OR_RETURN(file_, OpenLines(path_));
      identity_ = IdentityOf(path_);
    }
    synced_ = false;
    const absl::Status status = file_->Append(lines);
    // A line may be torn now: reopening the file truncates it.
    if (!status.ok()) file_.reset();
    return status;
  }

  absl::Status Sync() {
    absl::MutexLock lock(&mutex_);
    if (synced_) return absl::OkStatus();
    if (file_ == nullptr) {
      return absl::FailedPreconditionError(StrCat(path_, " could not be written before"));
    }
    RETURN_IF_ERROR(file_->Sync());
    synced_ = true;
    return absl::OkStatus();
  }

  absl::Status RemoveRows(uint64_t begin, uint64_t end) {
    RETURN_IF_ERROR(Sync());
    absl::MutexLock lock(&mutex_);
    ASSIGN_OR_RETURN(const FolderLock folder_lock, FolderLock::Take(folder_));
    file_.reset();
    // First the notes that records were replayed, because the rows may be rejected again.
    RETURN_IF_ERROR(DropRows(ReplayedPath(path_), begin, end));
    return DropRows(path_, begin, end);
  }

 private:
  const std::string folder_;
  const std::string path_;
  absl::Mutex mutex_;
  std::unique_ptr<AppendFile> file_ ABSL_GUARDED_BY(mutex_);
  std::pair<dev_t, ino_t> identity_ ABSL_GUARDED_BY(mutex_);  // of file_
  bool synced_ ABSL_GUARDED_BY(mutex_) = true;
};

class DiskDeadLetterQueue : public DeadLetterQueue {
 public:
  DiskDeadLetterQueue(std::string folder, Clock& clock)
      : folder_(std::move(folder)), clock_(clock) {}

  absl::Status Add(const LedgerKey& object, absl::Span<const Rejection> rejections) override {
    if (rejections.empty()) return absl::OkStatus();
    const absl::Time now = clock_.Now();
    ByteBuffer lines;
    for (const Rejection& rejection : rejections) AppendDeadLetter(lines, object, rejection, now);
    ASSIGN_OR_RETURN(const std::shared_ptr<RecordFile> file, FileOf(object));
    return file->Append(lines.view());
  }

  absl::Status Sync(const LedgerKey& object) override {
    const std::string path = DeadLetterPath(folder_, object);
    std::shared_ptr<RecordFile> file;
    {
      absl::MutexLock lock(&mutex_);
      const auto found = files_.find(path);
      if (found == files_.end()) return absl::OkStatus();  // synced when it was closed
      file = found->second;
    }
    return file->Sync();
  }

  absl::Status RemoveRows(const LedgerKey& object, uint64_t begin, uint64_t end) override {
    const std::string path = DeadLetterPath(folder_, object);
    struct stat stat;
    if (::stat(path.c_str(), &stat) != 0 && errno == ENOENT) return absl::OkStatus();
    ASSIGN_OR_RETURN(const std::shared_ptr<RecordFile> file, FileOf(object));
    return file->RemoveRows(begin, end);
  }

 private:
  // Shared with its users, so that it is closed after them.
  absl::StatusOr<std::shared_ptr<RecordFile>> FileOf(const LedgerKey& object) {
    std::string path = DeadLetterPath(folder_, object);
    absl::MutexLock lock(&mutex_);
    if (const auto found = files_.find(path); found != files_.end()) return found->second;
    if (files_.size() >= kMaxOpenFiles) RETURN_IF_ERROR(CloseIdleFiles());
    auto file = std::make_shared<RecordFile>(folder_, path);
    files_.emplace(std::move(path), file);
    return file;
  }

  absl::Status CloseIdleFiles() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (auto it = files_.begin(); it != files_.end();) {
      const auto file = it++;
      if (file->second.use_count() > 1) continue;
      RETURN_IF_ERROR(file->second->Sync());
      files_.erase(file);
    }
    return absl::OkStatus();
  }

  const std::string folder_;
  Clock& clock_;
  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, std::shared_ptr<RecordFile>> files_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::string DeadLetterPath(const std::string& folder, const LedgerKey& object) {
  return StrCat(folder, "/", ReadableName(object.object), "-", DeadLetterFileId(object), ".ndjson");
}

std::string ReplayedPath(const std::string& dead_letter_path) {
  return dead_letter_path.substr(0, dead_letter_path.rfind('.')) + ".replayed";
}

absl::StatusOr<std::unique_ptr<DeadLetterQueue>> OpenDiskDeadLetterQueue(const std::string& folder,
                                                                         Clock& clock) {
  struct stat stat;
  if (::stat(folder.c_str(), &stat) == 0 && !S_ISDIR(stat.st_mode)) {
    return absl::InvalidArgumentError(StrCat("dead letters: ", folder, " is not a folder"));
  }
  return std::make_unique<DiskDeadLetterQueue>(folder, clock);
}

}  // namespace millrace
