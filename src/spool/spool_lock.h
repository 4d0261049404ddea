// One process at a time has a spool.
#ifndef MILLRACE_SPOOL_SPOOL_LOCK_H_
#define MILLRACE_SPOOL_SPOOL_LOCK_H_

#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "io/file_descriptor.h"

namespace millrace {

// Held until it is destroyed or the process ends, however that happens.
class SpoolLock {
 public:
  enum class Wait { kNo, kYes };
  // Locks the folder, which is created if it does not exist. FailedPrecondition, with the pid:
  // another process has it. With kYes it waits until that one lets it go; Cancelled: `stop` was
  // requested.
  static absl::StatusOr<SpoolLock> Acquire(const std::string& folder, Wait wait,
                                           const std::stop_token& stop);

 private:
  explicit SpoolLock(FileDescriptor file) : file_(std::move(file)) {}
  FileDescriptor file_;
};

}  // namespace millrace

#endif  // MILLRACE_SPOOL_SPOOL_LOCK_H_
