// Records in the ledger what workers have completed: in order, not too often, and after the dead
// letters are durable. Also renews the leases.
#ifndef MILLRACE_PIPELINE_LEDGER_RECORDER_H_
#define MILLRACE_PIPELINE_LEDGER_RECORDER_H_

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string_view>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "base/delayed_stop.h"
#include "base/retrier.h"
#include "pipeline/chunk_ticket.h"
#include "pipeline/run_context.h"

namespace millrace {

// Thread-safe. A permanent error stops the run.
class LedgerRecorder {
 public:
  // Its thread starts at once. `context` outlives it.
  explicit LedgerRecorder(RunContext& context);
  ~LedgerRecorder();

  // When the objects passed to Open() are stored.
  const StoreSchedule& schedule() const { return schedule_; }

  // Adds a claimed object, which may be lost already. If the destination keeps a cursor, makes this
  // run the object's only writer there, and learns which rows it has. Removes dead letters of rows
  // that will be processed again. Errors come from the cursor, the dead-letter queue or the ledger.
  absl::Status Open(const std::shared_ptr<ObjectProgress>& object, uint64_t first_row);

  // All rows of the chunk are at the destination, in the dead-letter queue or filtered out. Stores
  // the object if a store is due, else lets the recorder's thread store it later. Acknowledges the
  // object to the source once it is done.
  void Complete(const ChunkTicket& ticket, const Counts& counts);

  // The same for what is staged of an object and needs no commit.
  void CompleteStaged(const std::shared_ptr<ObjectProgress>& object);
  // A commit is settled in the ledger: `step` of the object is recorded.
  void CompleteCommit(const std::shared_ptr<ObjectProgress>& object, ObjectProgress::Step& step);

  // Gives up an object because of `why`, although the ledger may still have it as this run's:
  // stores what is complete, and releases it so that it is claimed again, here or elsewhere.
  void Lose(const std::shared_ptr<ObjectProgress>& object, std::string_view why);

  // Gives up an object that another writer has claimed at the destination. If the ledger still has
  // it as this run's and the run replaces, the other writer replaces the same scope, and the two
  // would fence each other for ever: the run is stopped.
  void LoseAtDestination(const std::shared_ptr<ObjectProgress>& object);

  struct Totals {
    Counts counts;  // pending: begun but not stored
    uint64_t objects = 0;
    uint64_t objects_done = 0;
    uint64_t objects_failed = 0;
    uint64_t objects_lost = 0;
  };
  // Call after the last Complete(): stores and releases the objects that are not finished. The
  // message of `why` becomes their last_error, unless `why` is a requested stop. After a stop this
  // takes stop_grace at most.
  Totals Close(const absl::Status& why);

 private:
  using ObjectPtr = std::shared_ptr<ObjectProgress>;

  // Whether this run still has the object, as far as the ledger knows.
  bool CheckLease(const ObjectPtr& object);
  // The same, by a store if none was due.
  bool RenewLease(const ObjectPtr& object);
  absl::Status ClaimAtDestination(const ObjectPtr& object);
  void ReleaseAtDestination(const ObjectPtr& object, bool delivered);
  void Count(const Counts& counts);
  void EndIfFinished(const ObjectPtr& object, ObjectProgress::Step& step,
                     const std::stop_token& stop);
  // The thread that stores also stores what others complete meanwhile.
  void StoreWhatIsDue(const ObjectPtr& object);
  // Whether the step was stored; if not, the object is lost or the run is stopping.
  bool Store(const ObjectPtr& object, ObjectProgress::Step& step, const std::stop_token& stop);
  absl::Status StoreBehindDeadLetters(ObjectProgress::Step& step, const std::stop_token& stop);
  void CompleteObject(LedgerEntry& entry, const std::stop_token& stop);
  void Release(LedgerEntry& entry, const std::stop_token& stop);
  // False if the object was removed before.
  bool Remove(const ObjectPtr& object, uint64_t Totals::*counter);
  void StoreInTime();
  bool AwaitDue();
  bool IsWoken() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return closed_ || due_ < sleeps_until_;
  }

  RunContext& context_;
  Retrier retrier_;
  const StoreSchedule schedule_;
  const DelayedStop late_;  // also after a stop, what was accepted is recorded
  absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_set<ObjectPtr> open_ ABSL_GUARDED_BY(mutex_);
  Totals totals_ ABSL_GUARDED_BY(mutex_);
  // When the next object must be stored, by the run's clock, and when thread_ wakes up for it.
  absl::Duration due_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteDuration();
  absl::Duration sleeps_until_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteDuration();
  std::thread thread_;  // last: uses the rest
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_LEDGER_RECORDER_H_
