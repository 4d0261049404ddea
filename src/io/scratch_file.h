// Bytes that do not fit in memory, in a private file that disappears when the process ends.
#ifndef MILLRACE_IO_SCRATCH_FILE_H_
#define MILLRACE_IO_SCRATCH_FILE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "io/file_descriptor.h"

namespace millrace {

// Thread-safe. The file has no name, so nothing remains however the process ends.
class ScratchFile {
 public:
  struct Extent {
    uint64_t offset = 0;
    uint64_t size = 0;
  };

  // The file is in `folder`, which must exist at the first Append() or Open().
  explicit ScratchFile(std::string folder) : folder_(std::move(folder)) {}

  // Creates the file; otherwise the first Append() does. An error names a folder that is missing or
  // not writable.
  absl::Status Open();

  // Appends `parts`, one after another. ResourceExhausted, with what to do, if the disk is full;
  // the file can still be used.
  absl::StatusOr<Extent> Append(absl::Span<const std::string_view> parts);
  absl::StatusOr<Extent> Append(std::string_view bytes) {
    return Append(absl::MakeSpan(&bytes, 1));
  }

  // Fills `to` with the bytes of `extent` from `offset` on.
  absl::Status Read(const Extent& extent, uint64_t offset, absl::Span<char> to) const;

  // Frees the disk space of `extent`, if the file system supports that. It is not read again.
  void Release(const Extent& extent);

  // Frees all disk space. No extent is used any more, and none is being appended.
  void Reset();

  // The total number of bytes appended.
  uint64_t bytes_written() const { return end_; }

 private:
  const std::string folder_;
  absl::Mutex mutex_;
  FileDescriptor file_;  // set once, before any Extent exists
  std::atomic<bool> is_open_ = false;
  std::atomic<uint64_t> end_ = 0;
};

}  // namespace millrace

#endif  // MILLRACE_IO_SCRATCH_FILE_H_
