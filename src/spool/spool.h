// A folder with a record log, the ledger of its deliveries, and who they are for:
//
//   lock, spool.json, ledger.db, log/0000000000000001.log
//
// A segment stays until every destination has all of its records, or until those that a destination
// has not got are too old for it. Format: docs/formats/spool.md.
#ifndef MILLRACE_SPOOL_SPOOL_H_
#define MILLRACE_SPOOL_SPOOL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "pipeline/ledger.h"
#include "record_log/record_log.h"
#include "spool/confirmations.h"
#include "spool/spool_lock.h"

namespace millrace {

struct SpoolOptions {
  std::string folder;  // empty: in memory, and gone with the process
  RecordLogOptions log;
  // Records that are older when their delivery would begin are not delivered: they are expired.
  absl::Duration max_age = absl::InfiniteDuration();
  SpoolLock::Wait wait = SpoolLock::Wait::kNo;  // for another process to let it go
};

// A destination that records are kept for.
struct SpoolFollower {
  std::string name;                                // for people and for spool.json
  std::map<RecordType, std::string> ledger_names;  // of the types that it takes
  bool from_oldest = false;                        // a new one gets what the log has already
};

// What became of the records of one destination since it is followed.
struct FollowerStatus {
  std::string name;
  Counts counts;  // read: all that it is to get
  // Of those, the ones that were too old before it was known that the destination has them.
  uint64_t expired = 0;
  // Of the oldest record that is pending; nullopt: none is.
  std::optional<absl::Time> oldest_pending;

  uint64_t pending() const { return counts.pending() - expired; }
};

// Thread-safe.
class Spool {
 public:
  // Opens the spool in a folder, or makes one there or in memory. FailedPrecondition: another
  // process has it. Other errors of RecordLog::Open() and OpenSqliteLedger(). The clock outlives
  // it.
  static absl::StatusOr<std::unique_ptr<Spool>> Open(const SpoolOptions& options, Clock& clock,
                                                     const std::stop_token& stop);

  RecordLog& log() { return *log_; }
  Ledger& ledger() { return *ledger_; }
  const std::string& folder() const { return folder_; }
  // Null unless it is in memory.
  Confirmations* confirmations() { return confirmations_.get(); }
  // Of claims: the same for every process that has this spool.
  std::string owner() const { return "spool:" + log_->id(); }

  // Says who follows the log, once, before anything is delivered. Those that did before and are not
  // named hold nothing back any more, and what they had not taken is returned.
  absl::StatusOr<std::vector<FollowerStatus>> SetFollowers(std::vector<SpoolFollower> followers);
  // The first segment that it gets.
  uint64_t FirstSequenceOf(const std::string& name) const;

  // All records of `type` in the segment are accounted for.
  void Done(const std::string& name, RecordType type, uint64_t sequence);

  // Whether the records of `type` in a segment are too old for a destination, which then must not
  // deliver them. To be asked before the delivery of a segment begins.
  bool Expire(const std::string& name, RecordType type, uint64_t sequence);

  // Of each follower.
  absl::StatusOr<std::vector<FollowerStatus>> Status() const;

 private:
  struct Following {
    SpoolFollower follower;
    uint64_t since = 1;
    // Of segments that are removed.
    Counts removed;
    uint64_t removed_expired = 0;
    // Of the others.
    std::map<RecordType, std::set<uint64_t>> done, expired;
  };
  using Followings = std::map<std::string, Following>;

  Spool(const SpoolOptions& options, Clock& clock)
      : folder_(options.folder), max_age_(options.max_age), clock_(clock) {}
  bool is_in_memory() const { return folder_.empty(); }
  void WatchLedger();
  absl::Status Load();
  absl::Status Store() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status LoadDone() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TryToRemoveDone() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status RemoveDone() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::map<RecordType, std::set<std::string>> LedgerNames() const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  bool IsDone(const SegmentState& segment) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status RemoveSegment(const SegmentState& segment) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<bool> IsTooOld(const Following& following, RecordType type,
                                uint64_t sequence) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  absl::Status ForgetRows(uint64_t through) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<FollowerStatus> StatusOf(const Following& following) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::map<uint64_t, LedgerEntry>> RowsOf(const std::string& ledger_name) const;

  const std::string folder_;
  const absl::Duration max_age_;
  std::optional<SpoolLock> lock_;  // of the folder
  Clock& clock_;
  std::unique_ptr<LogFiles> files_;
  std::unique_ptr<Confirmations> confirmations_;
  std::unique_ptr<RecordLog> log_;
  std::unique_ptr<Ledger> ledger_;

  mutable absl::Mutex mutex_;
  Followings followings_ ABSL_GUARDED_BY(mutex_);
  uint64_t removed_through_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace millrace

#endif  // MILLRACE_SPOOL_SPOOL_H_
