// The files of a record log, as much of a file system as it needs. Tests replace it by one that
// forgets what was not synced.
#ifndef MILLRACE_RECORD_LOG_LOG_FILES_H_
#define MILLRACE_RECORD_LOG_LOG_FILES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace millrace {

// Thread-safe, but for writes, of which there is one at a time.
class LogFile {
 public:
  virtual ~LogFile() = default;
  virtual absl::Status Write(uint64_t offset, std::string_view bytes) = 0;
  // Ok once everything written is on stable storage. After an error nothing is known of it, and
  // another call must not be trusted.
  virtual absl::Status Sync() = 0;
  // Fewer bytes than asked for only at the end of the file.
  virtual absl::StatusOr<size_t> Read(uint64_t offset, absl::Span<char> to) = 0;
  virtual uint64_t size() const = 0;
  // Gives back the room after `size` bytes. It need not survive a crash.
  virtual absl::Status Truncate(uint64_t size) = 0;
};

// One folder. Thread-safe.
class LogFiles {
 public:
  virtual ~LogFiles() = default;
  virtual absl::StatusOr<std::vector<std::string>> List() = 0;
  // kZeros: all of the file is written, in large pieces, which takes a while. Small writes and
  // syncs are quicker then, because blocks are allocated and the system caches large folios of it.
  enum class Fill { kNone, kZeros };
  // A file of `size` bytes, whose room on the disk is taken. ResourceExhausted: there is no room.
  virtual absl::StatusOr<std::unique_ptr<LogFile>> Create(const std::string& name, uint64_t size,
                                                          Fill fill) = 0;
  virtual absl::StatusOr<std::unique_ptr<LogFile>> Open(const std::string& name) = 0;
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  virtual absl::Status Remove(const std::string& name) = 0;
  // Ok once created, renamed and removed names are on stable storage.
  virtual absl::Status SyncNames() = 0;
};

// The folder `path`, which is created if it does not exist, readable only by its owner.
absl::StatusOr<std::unique_ptr<LogFiles>> OpenLogFiles(const std::string& path);

}  // namespace millrace

#endif  // MILLRACE_RECORD_LOG_LOG_FILES_H_
