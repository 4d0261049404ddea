// Brings what workers have settled into the ledger: in order, not too often, behind the dead
// letters, and keeps the leases alive.
#ifndef MILLRACE_PIPELINE_LEDGER_RECORDER_H_
#define MILLRACE_PIPELINE_LEDGER_RECORDER_H_

#include <cstdint>
#include <memory>
#include <stop_token>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "base/delayed_stop.h"
#include "base/retrier.h"
#include "pipeline/object_progress.h"
#include "pipeline/run_context.h"

namespace millrace {

// Thread-safe. What fails for good halts the run.
class LedgerRecorder {
 public:
  // Its thread starts at once. `context` outlives it.
  explicit LedgerRecorder(RunContext& context);
  ~LedgerRecorder();

  // How the objects that Open() takes are to be stored.
  const StoreSchedule& schedule() const { return schedule_; }

  // Takes over a claimed object; it may turn out to be lost already. Dead letters of rows that will
  // be done again are forgotten. An error is that of dead letters or ledger.
  absl::Status Open(const std::shared_ptr<ObjectProgress>& object, uint64_t first_row);

  // All rows of the chunk are at the destination, in the dead letters or filtered out. Stores the
  // object if that is due, else has it stored when it is, and confirms it to the source once it is
  // done.
  void Complete(const ChunkTicket& ticket, const Counts& counts);

  struct Totals {
    Counts counts;  // pending: begun and not stored
    uint64_t objects = 0;
    uint64_t objects_done = 0;
    uint64_t objects_failed = 0;
    uint64_t objects_lost = 0;
  };
  // After the last Complete(): stores and releases the objects that are not finished. The message
  // of `why` becomes their last_error; that of a stop that was asked for does not. After a stop it
  // takes stop_grace at most.
  Totals Close(const absl::Status& why);

 private:
  using ObjectPtr = std::shared_ptr<ObjectProgress>;

  // Whoever stores goes on with what others settle meanwhile.
  void StoreWhatIsDue(const ObjectPtr& object);
  // Whether the step was stored; if not, the object is lost, or the run is halted.
  bool Store(const ObjectPtr& object, ObjectProgress::Step& step, const std::stop_token& stop);
  absl::Status StoreBehindDeadLetters(ObjectProgress::Step& step, const std::stop_token& stop);
  void CompleteObject(LedgerEntry& entry, const std::stop_token& stop);
  void Release(LedgerEntry& entry, const std::stop_token& stop);
  void Remove(const ObjectPtr& object, uint64_t Totals::*counter);
  void StoreInTime();
  bool AwaitDue();
  bool IsWoken() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return closed_ || due_ < sleeps_until_;
  }

  RunContext& context_;
  Retrier retrier_;
  const StoreSchedule schedule_;
  const DelayedStop late_;  // what was confirmed is recorded after a stop, too
  absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_set<ObjectPtr> open_ ABSL_GUARDED_BY(mutex_);
  Totals totals_ ABSL_GUARDED_BY(mutex_);
  // When the next object must be stored, by the run's clock, and when thread_ looks for it.
  absl::Duration due_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteDuration();
  absl::Duration sleeps_until_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteDuration();
  std::thread thread_;  // last: uses the rest
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_LEDGER_RECORDER_H_
