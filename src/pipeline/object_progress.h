// One claimed object while a run works on it: chunks begin in order, end in any order, and what
// lies behind the lowest unfinished one may go to the ledger.
#ifndef MILLRACE_PIPELINE_OBJECT_PROGRESS_H_
#define MILLRACE_PIPELINE_OBJECT_PROGRESS_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "pipeline/ledger.h"
#include "pipeline/source.h"

namespace millrace {

// When an object is stored.
struct StoreSchedule {
  // The least time between two stores. It is longer where stores are slow, so that they take a
  // small share of the time, up to kMaxWait.
  absl::Duration interval;
  absl::Duration renewal;  // after the last store, though nothing has changed

  static constexpr int kCostShare = 64;  // a store may take one part in so many of the time
  static constexpr absl::Duration kMaxWait = absl::Milliseconds(200);
};

// Thread-safe. Times are of one monotonic clock.
class ObjectProgress {
 public:
  // `claimed_at`: as if the claim were a store.
  ObjectProgress(const LedgerEntry& claimed, const StoreSchedule& schedule,
                 absl::Duration claimed_at);

  const LedgerKey& key() const { return key_; }
  // The row that the next chunk must begin with.
  uint64_t next_row() const;

  // `chunk` is the object's next: its number.
  uint64_t Begin(const Chunk& chunk);
  // All rows of the chunk are settled, as `counts` says.
  void Complete(uint64_t number, const Counts& counts);

  // What a store would write, and what that adds to the last one.
  struct Step {
    LedgerEntry entry;
    Counts added;
    bool finished = false;  // nothing of the object comes after it
  };
  // The step that is due: the object has come to its end, or something has changed and it is time,
  // or the lease must be renewed. Nullopt if none is, or another thread is storing one. After a
  // step the caller must call EndStore(), and this again.
  std::optional<Step> StartStore(absl::Duration now);
  // When StartStore() will give a step, if nothing changes until then. Infinite if it never will,
  // or another thread is storing one: that looks again.
  absl::Duration NextStore() const;
  // All that is settled, when nobody else works on the object any more.
  Step StartLastStore(const std::string& last_error);
  // `status` is what Ledger::Store() gave for step.entry. After Aborted the object is lost: what
  // was not stored by then does not count.
  void EndStore(const Step& step, const absl::Status& status, absl::Duration now);

  bool lost() const;

  // Rows of the object may be at the destination: the next store says so.
  void NoteSent() { sent_ = true; }

  // Of this run: what the ledger has. read also counts the rows begun and not stored.
  Counts run_counts() const;

 private:
  struct Pending {
    Position after;
    Counts counts;
    absl::Status error;
    bool last = false;
    bool ended = false;
  };

  Step MakeStep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Duration Due() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const LedgerKey key_;
  const StoreSchedule schedule_;
  std::atomic<bool> sent_{false};
  mutable absl::Mutex mutex_;
  LedgerEntry settled_ ABSL_GUARDED_BY(mutex_);  // the stored entry and what is settled since
  Counts unstored_ ABSL_GUARDED_BY(mutex_);      // of settled_
  Counts stored_ ABSL_GUARDED_BY(mutex_);        // by this run
  std::deque<Pending> pending_ ABSL_GUARDED_BY(mutex_);
  uint64_t first_pending_ ABSL_GUARDED_BY(mutex_) = 0;  // number of pending_.front()
  uint64_t next_row_ ABSL_GUARDED_BY(mutex_);
  uint64_t rows_begun_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Duration stored_at_ ABSL_GUARDED_BY(mutex_);
  absl::Duration store_begun_ ABSL_GUARDED_BY(mutex_);
  absl::Duration costs_[2] ABSL_GUARDED_BY(mutex_);  // time that the last stores took
  bool changed_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  bool storing_ ABSL_GUARDED_BY(mutex_) = false;
  bool lost_ ABSL_GUARDED_BY(mutex_) = false;
};

// One chunk that was begun and must be ended, or given up with the whole run.
struct ChunkTicket {
  std::shared_ptr<ObjectProgress> object;
  uint64_t number = 0;
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_OBJECT_PROGRESS_H_
