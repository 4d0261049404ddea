#include "connectors/dead_letter_files/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "io/durable_file.h"

namespace millrace {

absl::StatusOr<FolderLock> FolderLock::Take(const std::string& folder) {
  const std::string path = folder + "/.lock";
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!file.valid() && errno == ENOENT) {
    RETURN_IF_ERROR(OpenAppendFile(path).status());
    file = FileDescriptor(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  }
  if (!file.valid()) return ErrnoStatus(errno, StrCat("opening ", path));
  while (::flock(file.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return ErrnoStatus(errno, StrCat("locking ", path));
  }
  return FolderLock(std::move(file));
}

}  // namespace millrace
