#include "io/durable_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

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

// Makes `folder` and those above it that are missing, each durable in its parent.
absl::Status MakeFolders(const std::string& folder) {
  struct stat stat;
  if (::stat(folder.c_str(), &stat) == 0) {
    if (S_ISDIR(stat.st_mode)) return absl::OkStatus();
    return absl::InvalidArgumentError(StrCat(folder, " is not a folder"));
  }
  if (errno != ENOENT) return ErrnoStatus(errno, StrCat("opening ", folder));
  RETURN_IF_ERROR(MakeFolders(FolderOf(folder)));
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, StrCat("making the folder ", folder));
  }
  return SyncFolder(FolderOf(folder));
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

absl::Status WriteAndSync(FileDescriptor file, std::string_view content, const std::string& path) {
  RETURN_IF_ERROR(WriteAll(file.get(), content, path));
  if (::fsync(file.get()) != 0) return WriteError(errno, path);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<AppendFile>> OpenAppendFile(const std::string& path) {
  const std::string folder = FolderOf(path);
  RETURN_IF_ERROR(MakeFolders(folder));
  FileDescriptor file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  if (!file.valid()) return ErrnoStatus(errno, StrCat("opening ", path));
  RETURN_IF_ERROR(SyncFolder(folder));
  return std::make_unique<PosixAppendFile>(path, std::move(file));
}

absl::Status ReplaceFile(const std::string& path, std::string_view content) {
  const std::string folder = FolderOf(path);
  RETURN_IF_ERROR(MakeFolders(folder));
  std::string beside = StrCat(path, ".XXXXXX");
  FileDescriptor file(::mkostemp(beside.data(), O_CLOEXEC));
  if (!file.valid()) return ErrnoStatus(errno, StrCat("opening ", beside));
  absl::Status status = WriteAndSync(std::move(file), content, path);
  if (status.ok() && ::rename(beside.c_str(), path.c_str()) != 0) {
    status = ErrnoStatus(errno, StrCat("replacing ", path));
  }
  if (!status.ok()) {
    ::unlink(beside.c_str());
    return status;
  }
  return SyncFolder(folder);
}

absl::StatusOr<std::string> ReadWholeFile(const std::string& path, size_t most) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return ErrnoStatus(errno, StrCat("opening ", path));
  std::string content;
  for (;;) {
    const size_t size = content.size();
    if (size > most) {
      return absl::ResourceExhaustedError(StrCat(path, " is larger than ", most, " bytes"));
    }
    content.resize(size + std::min<size_t>(64 << 10, most - size + 1));
    const ssize_t n = ::read(file.get(), content.data() + size, content.size() - size);
    content.resize(size + static_cast<size_t>(std::max<ssize_t>(n, 0)));
    if (n == 0) return content;
    if (n < 0 && errno != EINTR) return ErrnoStatus(errno, StrCat("reading ", path));
  }
}

}  // namespace millrace
