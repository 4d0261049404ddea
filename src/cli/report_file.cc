#include "cli/report_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "io/durable_file.h"
#include "io/file_descriptor.h"
#include "io/local_path.h"

namespace millrace::cli {
namespace {

bool MayWrite(const std::string& path, int mode) {
  return ::faccessat(AT_FDCWD, path.c_str(), mode, AT_EACCESS) == 0;
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

absl::StatusOr<ReportFile> ReportFile::Find(const std::string& path) {
  struct stat stat;
  if (::stat(path.c_str(), &stat) != 0) {
    if (errno != ENOENT) return ErrnoStatus(errno, StrCat("looking at ", path));
    if (path.ends_with('/')) return absl::InvalidArgumentError(StrCat(path, " is a folder"));
    return FindRegular(path);
  }
  if (S_ISDIR(stat.st_mode) || S_ISBLK(stat.st_mode) || S_ISSOCK(stat.st_mode)) {
    return absl::InvalidArgumentError(
        StrCat(path, " is a folder, a block device or a socket; name a file"));
  }
  // Links in these folders name files that are open elsewhere, such as /dev/stdout.
  const bool is_special = path.starts_with("/dev/") || path.starts_with("/proc/");
  if (S_ISREG(stat.st_mode) && !is_special) return FindRegular(path);
  if (!MayWrite(path, W_OK)) return ErrnoStatus(errno, StrCat("writing to ", path));
  return ReportFile(path, false);
}

absl::StatusOr<ReportFile> ReportFile::FindRegular(const std::string& path) {
  ASSIGN_OR_RETURN(std::string real, ResolvePath(path));
  const std::string folder = FolderOf(real);
  struct stat stat;
  if (::stat(folder.c_str(), &stat) != 0 || !S_ISDIR(stat.st_mode)) {
    return absl::NotFoundError(StrCat("there is no folder ", folder));
  }
  if (MayWrite(folder, W_OK | X_OK)) return ReportFile(std::move(real), true);
  const int error = errno;
  if (MayWrite(real, W_OK)) return ReportFile(std::move(real), false);
  return ErrnoStatus(error, StrCat("writing into ", folder));
}

absl::Status ReportFile::Write(std::string_view content) const {
  if (!is_replaced_) return WriteInto(content);
  const absl::Status status = Replace(content);
  // A file that is a mount point, as in containers, can be written but not replaced.
  if (!status.ok() && MayWrite(path_, W_OK) && WriteInto(content).ok()) return absl::OkStatus();
  return status;
}

absl::Status ReportFile::Replace(std::string_view content) const {
  struct stat before;
  const bool existed = ::stat(path_.c_str(), &before) == 0;
  RETURN_IF_ERROR(ReplaceFile(path_, content));
  if (!existed) return absl::OkStatus();
  // The new file is readable by its owner only; restore the mode, but give nobody more access.
  mode_t mode = before.st_mode & 0777;
  if (::chown(path_.c_str(), static_cast<uid_t>(-1), before.st_gid) != 0) mode &= ~070U;
  (void)::chmod(path_.c_str(), mode);
  return absl::OkStatus();
}

absl::Status ReportFile::WriteInto(std::string_view content) const {
  const FileDescriptor file(::open(path_.c_str(), O_WRONLY | O_TRUNC | O_NOCTTY | O_CLOEXEC));
  if (!file.valid()) return ErrnoStatus(errno, StrCat("opening ", path_));
  while (!content.empty()) {
    const ssize_t n = ::write(file.get(), content.data(), content.size());
    if (n < 0 && errno != EINTR) return ErrnoStatus(errno, StrCat("writing ", path_));
    content.remove_prefix(n < 0 ? 0 : static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

}  // namespace millrace::cli
