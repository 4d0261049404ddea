#include "spool/spool_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

constexpr absl::Duration kLook = absl::Milliseconds(50);

std::string ReadText(int file) {
  char text[64] = {};
  const ssize_t size = ::pread(file, text, sizeof(text) - 1, 0);
  return size > 0 ? std::string(text, static_cast<size_t>(size)) : "";
}

}  // namespace

absl::StatusOr<SpoolLock> SpoolLock::Acquire(const std::string& folder, Wait wait,
                                             const std::stop_token& stop) {
  std::error_code error;
  const bool existed = std::filesystem::exists(folder, error);
  std::filesystem::create_directories(folder, error);
  if (error) {
    return absl::PermissionDeniedError(
        StrCat("creating the spool ", folder, ": ", error.message()));
  }
  if (!existed) ::chmod(folder.c_str(), 0700);
  const std::string path = folder + "/lock";
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) {
    return absl::PermissionDeniedError(StrCat("opening ", path, ": ", std::strerror(errno)));
  }
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      return absl::UnavailableError(StrCat("locking ", path, ": ", std::strerror(errno)));
    }
    if (wait == Wait::kNo) {
      return absl::FailedPreconditionError(
          StrCat("the spool ", folder, " is in use by the process ", ReadText(file.get()),
                 "; stop it, or give --spool another folder"));
    }
    if (!Clock::Real().SleepFor(kLook, stop)) return StopRequested();
  }
  const std::string pid = StrCat(::getpid());
  if (::ftruncate(file.get(), 0) != 0 ||
      ::pwrite(file.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    // It is for messages only.
  }
  return SpoolLock(std::move(file));
}

}  // namespace millrace
