// Files in memory that lose what was not synced when the machine crashes.
#ifndef MILLRACE_RECORD_LOG_TESTING_FAKE_DISK_H_
#define MILLRACE_RECORD_LOG_TESTING_FAKE_DISK_H_

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "record_log/log_files.h"

namespace millrace {

// Thread-safe.
class FakeDisk : public LogFiles {
 public:
  // The machine loses power: calls fail from now on. Of each write that was not synced, nothing,
  // all or a part is on the disk, and of names that were not synced, the old ones or the new ones.
  void Crash(uint64_t seed);
  // It is on again.
  void Restart();

  // Call number `n` of Sync() from now fails, and so do all later ones.
  void FailSyncs(int n);
  // Room for this many bytes of files.
  void SetRoom(uint64_t bytes);
  // Flips a bit.
  void Damage(const std::string& name, uint64_t offset);
  int syncs() const;
  int creates() const;

  absl::StatusOr<std::vector<std::string>> List() override;
  absl::StatusOr<std::unique_ptr<LogFile>> Create(const std::string& name, uint64_t size,
                                                  Fill fill) override;
  absl::StatusOr<std::unique_ptr<LogFile>> Open(const std::string& name) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& name) override;
  absl::Status SyncNames() override;

 private:
  struct Node {
    std::string bytes;    // as the system sees it
    std::string durable;  // as the disk has it
    std::vector<std::pair<uint64_t, uint64_t>> unsynced;
  };
  class File;
  using Names = std::map<std::string, std::shared_ptr<Node>>;

  absl::Status CheckIsOn() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  Names names_ ABSL_GUARDED_BY(mutex_), durable_names_ ABSL_GUARDED_BY(mutex_);
  bool is_on_ ABSL_GUARDED_BY(mutex_) = true;
  uint64_t boot_ ABSL_GUARDED_BY(mutex_) = 0;  // files of an earlier one do nothing
  int syncs_left_ ABSL_GUARDED_BY(mutex_) = -1;
  int syncs_ ABSL_GUARDED_BY(mutex_) = 0;
  int creates_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t room_ ABSL_GUARDED_BY(mutex_) = UINT64_MAX;
};

}  // namespace millrace

#endif  // MILLRACE_RECORD_LOG_TESTING_FAKE_DISK_H_
