// Tracks one claimed object during a run: chunks begin in order and complete in any order. The
// position in the ledger advances up to the first chunk that is not complete.
#ifndef MILLRACE_PIPELINE_OBJECT_PROGRESS_H_
#define MILLRACE_PIPELINE_OBJECT_PROGRESS_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/row_ranges.h"
#include "pipeline/ledger.h"
#include "pipeline/source.h"

namespace millrace {

// When an object is stored.
struct StoreSchedule {
  // The minimum time between two stores. If stores are slow, it is extended up to kMaxWait, so that
  // they take a small share of the time.
  absl::Duration interval;
  absl::Duration renewal;  // after the last store, even if nothing has changed

  static constexpr int kCostShare = 64;  // a store may take 1/kCostShare of the time
  static constexpr absl::Duration kMaxWait = absl::Milliseconds(200);
};

// Thread-safe. Times are of one monotonic clock.
class ObjectProgress {
 public:
  // The claim, at `claimed_at`, counts as a store.
  ObjectProgress(const LedgerEntry& claimed, const StoreSchedule& schedule,
                 absl::Duration claimed_at);

  const LedgerKey& key() const { return key_; }
  const std::string& owner() const { return owner_; }
  // BatchSpan::writer of this claim.
  const std::string& writer() const { return writer_; }
  // Source rows whose events are all at the destination already (DeliveryCursor). Set before the
  // first chunk begins, and constant afterwards.
  const RowRanges& delivered() const { return delivered_; }
  void set_delivered(RowRanges delivered) { delivered_ = std::move(delivered); }
  // The row that the next chunk must begin with.
  uint64_t next_row() const;

  // Begins `chunk`, the object's next one. Returns its number.
  uint64_t Begin(const Chunk& chunk);
  // All rows of the chunk are accounted for, as `counts` says.
  void Complete(uint64_t number, const Counts& counts);

  // What a store would write, and what it adds to the previous one.
  struct Step {
    LedgerEntry entry;
    Counts added;
    bool finished = false;  // the last step of the object
  };
  // Returns the step that is due: the object has ended, or it has changed and the interval has
  // passed, or the lease must be renewed. Nullopt if none is due or another thread is storing one.
  // After a step the caller must call EndStore() and then this again.
  std::optional<Step> StartStore(absl::Duration now);
  // The same, although none is due.
  std::optional<Step> StartRenewal(absl::Duration now);
  // When StartStore() will return a step, if nothing changes until then. Infinite if it never will,
  // or if another thread is storing one, because that thread checks again.
  absl::Duration NextStore() const;
  // Everything that is accounted for. Call it when no other thread works on the object.
  Step StartLastStore(const std::string& last_error);
  // `status` is the result of Ledger::Store() for step.entry. After Aborted the object is lost:
  // what was not stored by then does not count.
  void EndStore(const Step& step, const absl::Status& status, absl::Duration now);

  // Of a staged run, in the place of Complete(): all rows of the chunk are staged, in the
  // dead-letter queue or filtered out. The object advances by CompleteStaged() or a commit.
  void Stage(uint64_t number, const Counts& counts);
  bool has_staged() const;
  // What is staged will not be committed.
  void DropStaged();
  // Nothing of it needs a commit. Returns what it adds to the counts.
  Counts CompleteStaged();
  // The step that a commit of what is staged makes. Waits for a store under way; none begins until
  // the caller has called EndCommit(). Nullopt: the object is lost, or rows before those that are
  // staged are not.
  std::optional<Step> StartCommit();
  // `step.entry` is in the ledger, with counts that the commit may have changed, or else only its
  // revision is. Returns what the commit adds to the counts, and sets step.added, which also has
  // changes that were not stored before.
  Counts EndCommit(Step& step, bool committed, absl::Duration now);

  // Blocks while another thread is between StartStore() and EndStore().
  void AwaitStore() const;
  // Gives the object up: no further store is due. False if it is lost already.
  bool Lose();
  bool lost() const;

  // Rows of the object may be at the destination: the next store sets maybe_sent.
  void NoteSent() { sent_ = true; }

  // What this run has stored in the ledger; `read` also counts rows begun but not stored.
  Counts run_counts() const;

 private:
  struct Pending {
    Position after;
    Counts counts;
    absl::Status error;
    bool last = false;
    bool ended = false;
  };

  void MarkEnded(uint64_t number, const Counts& counts) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasEnded() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !pending_.empty() && pending_.front().ended;
  }
  void PopFirst() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void Apply(const Pending& ended, LedgerEntry& entry, Counts& added, bool& finished);
  Counts AdvanceEnded() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsIdle() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return !storing_; }
  Step MakeStep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Duration Due() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const LedgerKey key_;
  const std::string owner_;
  const std::string writer_;
  const StoreSchedule schedule_;
  RowRanges delivered_;
  std::atomic<bool> sent_{false};
  mutable absl::Mutex mutex_;
  LedgerEntry settled_ ABSL_GUARDED_BY(mutex_);  // the stored entry plus changes since
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

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_OBJECT_PROGRESS_H_
