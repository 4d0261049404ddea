#include "io/scratch_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

constexpr uint64_t kBlock = 4096;  // of file systems; only whole blocks can be freed

absl::Status WriteFailure(int error, const std::string& folder) {
  const absl::Status status = ErrnoStatus(error, StrCat("writing a temporary file in ", folder));
  // EFBIG: past the process's or the file system's limit on file sizes.
  if (error != ENOSPC && error != EDQUOT && error != EFBIG) return status;
  return absl::ResourceExhaustedError(
      StrCat(status.message(), "; free some space there or choose another folder"));
}

}  // namespace

absl::Status ScratchFile::Open() {
  absl::MutexLock lock(&mutex_);
  if (is_open_) return absl::OkStatus();
  int fd = ::open(folder_.c_str(), O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
  if (fd < 0) {  // not every file system has nameless files
    std::string path = StrCat(folder_, "/scratch.XXXXXX");
    fd = ::mkostemp(path.data(), O_CLOEXEC);
    if (fd < 0) return ErrnoStatus(errno, StrCat("creating a temporary file in ", folder_));
    ::unlink(path.c_str());
  }
  file_ = FileDescriptor(fd);
  is_open_ = true;
  return absl::OkStatus();
}

absl::StatusOr<ScratchFile::Extent> ScratchFile::Append(absl::Span<const std::string_view> parts) {
  if (!is_open_) RETURN_IF_ERROR(Open());
  Extent extent;
  for (const std::string_view part : parts) extent.size += part.size();
  extent.offset = end_.fetch_add(extent.size);
  uint64_t at = extent.offset;
  for (std::string_view part : parts) {
    while (!part.empty()) {
      const ssize_t n = ::pwrite(file_.get(), part.data(), part.size(), static_cast<off_t>(at));
      if (n > 0) {
        part.remove_prefix(static_cast<size_t>(n));
        at += static_cast<uint64_t>(n);
      } else if (errno != EINTR) {
        return WriteFailure(errno, folder_);
      }
    }
  }
  return extent;
}

absl::Status ScratchFile::Read(const Extent& extent, uint64_t offset, absl::Span<char> to) const {
  uint64_t at = extent.offset + offset;
  while (!to.empty()) {
    const ssize_t n = ::pread(file_.get(), to.data(), to.size(), static_cast<off_t>(at));
    if (n == 0) return absl::DataLossError(StrCat("a temporary file in ", folder_, " was cut off"));
    if (n > 0) {
      to.remove_prefix(static_cast<size_t>(n));
      at += static_cast<uint64_t>(n);
    } else if (errno != EINTR) {
      return ErrnoStatus(errno, StrCat("reading a temporary file in ", folder_));
    }
  }
  return absl::OkStatus();
}

void ScratchFile::Release(const Extent& extent) {
  const uint64_t begin = (extent.offset + kBlock - 1) / kBlock * kBlock;
  const uint64_t end = (extent.offset + extent.size) / kBlock * kBlock;
  if (!is_open_ || begin >= end) return;
  // Not every file system supports this; without it nothing is lost.
  (void)::fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                    static_cast<off_t>(begin), static_cast<off_t>(end - begin));
}

void ScratchFile::Reset() {
  absl::MutexLock lock(&mutex_);
  if (is_open_ && ::ftruncate(file_.get(), 0) == 0) end_ = 0;
}

}  // namespace millrace
