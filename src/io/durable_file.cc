#include "io/durable_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/file_descriptor.h"

namespace millrace {
namespace {

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::Status WriteError(int error, const std::string& path) {
  const absl::Status status = ErrnoStatus(error, StrCat("writing ", path));
  // Past the process's or the file system's limit on file sizes.
  return error == EFBIG ? absl::ResourceExhaustedError(status.message()) : status;
}

absl::Status WriteAll(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n >= 0) {
      bytes.remove_prefix(static_cast<size_t>(n));
    } else if (errno != EINTR) {
      return WriteError(errno, path);
    }
  }
  return absl::OkStatus();
}

absl::Status SyncFolder(const std::string& folder) {
  const FileDescriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || ::fsync(fd.get()) != 0) return ErrnoStatus(errno, StrCat("syncing ", folder));
  return absl::OkStatus();
}

// Makes `folder` and those above it that are missing, each durable in its parent, and adds them to
// `made`, the outermost first.
absl::Status MakeFolders(const std::string& folder, mode_t mode, std::vector<std::string>& made) {
  struct stat stat;
  if (::stat(folder.c_str(), &stat) == 0) {
    if (S_ISDIR(stat.st_mode)) return absl::OkStatus();
    return absl::InvalidArgumentError(StrCat(folder, " is not a folder"));
  }
  if (errno != ENOENT) return ErrnoStatus(errno, StrCat("opening ", folder));
  RETURN_IF_ERROR(MakeFolders(FolderOf(folder), mode, made));
  if (::mkdir(folder.c_str(), mode) == 0) {
    made.push_back(folder);
  } else if (errno != EEXIST) {
    return ErrnoStatus(errno, StrCat("creating the folder ", folder));
  }
  return SyncFolder(FolderOf(folder));
}

// Undoes MakeFolders, as far as the folders are still empty.
void RemoveFolders(const std::vector<std::string>& made) {
  for (auto folder = made.rbegin(); folder != made.rend(); ++folder) ::rmdir(folder->c_str());
}

class PosixAppendFile : public AppendFile {
 public:
  PosixAppendFile(std::string path, FileDescriptor file)
      : path_(std::move(path)), file_(std::move(file)) {}

  absl::Status Append(std::string_view bytes) override {
    return WriteAll(file_.get(), bytes, path_);
  }

  absl::Status Sync() override {
    // After a failed sync the kernel may have dropped the bytes: a later success would prove
    // nothing.
    if (sync_failure_.ok() && ::fdatasync(file_.get()) != 0) {
      sync_failure_ = ErrnoStatus(errno, StrCat("syncing ", path_));
    }
    return sync_failure_;
  }

 private:
  const std::string path_;
  const FileDescriptor file_;
  absl::Status sync_failure_;
};

class PosixNewFile : public NewFile {
 public:
  explicit PosixNewFile(std::string path) : path_(std::move(path)) {}

  ~PosixNewFile() override {
    if (committed_) return;
    if (file_.valid()) ::unlink(beside_.c_str());
    RemoveFolders(made_);
  }

  absl::Status Open(FileAudience audience) {
    const bool shared = audience == FileAudience::kEveryone;
    const std::string folder = FolderOf(path_);
    RETURN_IF_ERROR(MakeFolders(folder, shared ? 0777 : 0700, made_));
    std::random_device random;
    do {
      // Hidden, so that no listing takes it for an object.
      beside_ = absl::StrFormat("%s/.millrace-%08x%08x.tmp", folder, random(), random());
      file_ = FileDescriptor(
          ::open(beside_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, shared ? 0666 : 0600));
    } while (!file_.valid() && errno == EEXIST);
    if (!file_.valid()) return ErrnoStatus(errno, StrCat("creating ", path_));
    return absl::OkStatus();
  }

  absl::Status Append(std::string_view bytes) override {
    return WriteAll(file_.get(), bytes, path_);
  }

  absl::Status Commit() override {
    if (::fsync(file_.get()) != 0) return WriteError(errno, path_);
    if (::rename(beside_.c_str(), path_.c_str()) != 0) {
      return ErrnoStatus(errno, StrCat("replacing ", path_));
    }
    committed_ = true;
    return SyncFolder(FolderOf(path_));
  }

  // Like Commit, but AlreadyExists if there is a file of its name. Called once, last.
  absl::Status CommitIfAbsent() {
    if (::fsync(file_.get()) != 0) return WriteError(errno, path_);
    if (::link(beside_.c_str(), path_.c_str()) != 0) return LinkError(errno);
    ::unlink(beside_.c_str());
    committed_ = true;
    return SyncFolder(FolderOf(path_));
  }

 private:
  absl::Status LinkError(int error) const {
    if (error == EPERM || error == EOPNOTSUPP) {
      return absl::FailedPreconditionError(
          StrCat("creating ", path_, ": its file system has no hard links"));
    }
    if (error != EEXIST) return ErrnoStatus(error, StrCat("creating ", path_));
    // The process that created it may have ended before it synced the folder.
    RETURN_IF_ERROR(SyncFolder(FolderOf(path_)));
    return absl::AlreadyExistsError(StrCat(path_, " exists already"));
  }

  const std::string path_;
  std::string beside_;
  FileDescriptor file_;
  std::vector<std::string> made_;  // folders
  bool committed_ = false;
};

absl::Status SyncFile(const std::string& path) {
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid() || ::fsync(fd.get()) != 0) return ErrnoStatus(errno, StrCat("syncing ", path));
  return absl::OkStatus();
}

// Makes the names in the folders of `from` and `to` durable.
absl::Status SyncFoldersOf(const std::string& from, const std::string& to) {
  RETURN_IF_ERROR(SyncFolder(FolderOf(to)));
  return FolderOf(from) == FolderOf(to) ? absl::OkStatus() : SyncFolder(FolderOf(from));
}

// Ok if `from` is a file that rename(2) can move to `to`.
absl::Status CheckMovable(const std::string& from, const std::string& to) {
  struct stat source;
  struct stat target;
  if (::lstat(from.c_str(), &source) != 0) {
    const absl::Status missing = ErrnoStatus(errno, StrCat("finding ", from));
    if (!absl::IsNotFound(missing)) return missing;
    // The process that moved it may have ended before it synced the folders.
    const absl::Status synced = SyncFoldersOf(from, to);
    return synced.ok() || absl::IsNotFound(synced) ? missing : synced;
  }
  if (!S_ISREG(source.st_mode)) {
    return absl::InvalidArgumentError(StrCat(from, " is not a regular file"));
  }
  // rename(2) would do nothing.
  if (from != to && source.st_nlink > 1 && ::lstat(to.c_str(), &target) == 0 &&
      source.st_dev == target.st_dev && source.st_ino == target.st_ino) {
    return absl::FailedPreconditionError(
        StrCat(from, " and ", to, " are links to one file; remove one of them"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<AppendFile>> OpenAppendFile(const std::string& path) {
  const std::string folder = FolderOf(path);
  std::vector<std::string> made;
  RETURN_IF_ERROR(MakeFolders(folder, 0700, made));
  FileDescriptor file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  if (!file.valid()) return ErrnoStatus(errno, StrCat("opening ", path));
  RETURN_IF_ERROR(SyncFolder(folder));
  return std::make_unique<PosixAppendFile>(path, std::move(file));
}

absl::StatusOr<std::unique_ptr<NewFile>> CreateNewFile(const std::string& path,
                                                       FileAudience audience) {
  auto file = std::make_unique<PosixNewFile>(path);
  RETURN_IF_ERROR(file->Open(audience));
  return file;
}

absl::Status ReplaceFile(const std::string& path, std::string_view content) {
  ASSIGN_OR_RETURN(const std::unique_ptr<NewFile> file, CreateNewFile(path, FileAudience::kOwner));
  RETURN_IF_ERROR(file->Append(content));
  return file->Commit();
}

absl::Status CreateFileIfAbsent(const std::string& path, std::string_view content,
                                FileAudience audience) {
  PosixNewFile file(path);
  RETURN_IF_ERROR(file.Open(audience));
  RETURN_IF_ERROR(file.Append(content));
  return file.CommitIfAbsent();
}

absl::Status MoveFile(const std::string& from, const std::string& to) {
  RETURN_IF_ERROR(CheckMovable(from, to));
  RETURN_IF_ERROR(SyncFile(from));
  std::vector<std::string> made;
  absl::Status status = MakeFolders(FolderOf(to), 0777, made);
  if (status.ok() && ::rename(from.c_str(), to.c_str()) != 0) {
    const std::string moving = StrCat("moving ", from, " to ", to);
    status =
        errno == EXDEV
            ? absl::InvalidArgumentError(StrCat(moving, ": they are on different file systems"))
            : ErrnoStatus(errno, moving);
  }
  if (status.ok()) return SyncFoldersOf(from, to);
  RemoveFolders(made);
  return status;
}

absl::Status RemoveFile(const std::string& path) {
  if (::unlink(path.c_str()) == 0) return SyncFolder(FolderOf(path));
  if (errno == ENOENT) return absl::OkStatus();
  return ErrnoStatus(errno, StrCat("removing ", path));
}

absl::StatusOr<std::string> ReadWholeFile(const std::string& path, size_t max,
                                          const std::stop_token& stop) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) return ErrnoStatus(errno, StrCat("opening ", path));
  std::string content;
  for (;;) {
    const size_t size = content.size();
    if (size > max) {
      return absl::ResourceExhaustedError(StrCat(path, " is larger than ", max, " bytes"));
    }
    // A pipe that nobody writes to yet would look like one that is at its end.
    pollfd readable{.fd = file.get(), .events = POLLIN, .revents = 0};
    while (::poll(&readable, 1, /*milliseconds=*/100) == 0) {
      if (stop.stop_requested()) return absl::CancelledError(StrCat("reading ", path, ": stopped"));
    }
    content.resize(size + std::min<size_t>(64 << 10, max - size + 1));
    const ssize_t n = ::read(file.get(), content.data() + size, content.size() - size);
    content.resize(size + static_cast<size_t>(std::max<ssize_t>(n, 0)));
    if (n == 0) return content;
    if (n < 0 && errno != EINTR && errno != EAGAIN)
      return ErrnoStatus(errno, StrCat("reading ", path));
  }
}

}  // namespace millrace
