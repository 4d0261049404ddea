// Delivers a spool to one destination: a run for each type of record, restarted until it is
// stopped.
#ifndef MILLRACE_SPOOL_DELIVERY_H_
#define MILLRACE_SPOOL_DELIVERY_H_

#include <atomic>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "pipeline/dead_letter_queue.h"
#include "pipeline/destination.h"
#include "pipeline/run.h"
#include "script/script_pool.h"
#include "spool/daily_dead_letters.h"
#include "spool/spool.h"
#include "spool/spool_entries.h"

namespace millrace {

// What the deliveries of a spool share; all of it outlives them.
struct DeliveryParts {
  Spool& spool;
  DeadLetterQueue& dead_letter;
  ScriptPool& scripts;
  // Of all runs: `max_bytes` is their memory, `sharing_runs` is set.
  const RunOptions& run;
  std::atomic<int>& sharing_runs;
  Clock& clock;
};

// Thread-safe.
class Delivery {
 public:
  // How a destination is named in the spool, and which types it takes.
  static SpoolFollower FollowerOf(const Destination& destination, bool from_oldest);

  Delivery(Destination& destination, SpoolEntries entries, const DeliveryParts& parts);
  ~Delivery() { Stop(); }

  void Start();
  // Finishes what is in flight.
  void Stop();

  const std::string& name() const { return name_; }
  // Of the last run that ended; empty: none has, or one has delivered something since.
  std::string last_error() const;
  const RunProgress& progress() const { return progress_; }

 private:
  void Follow(RecordType type, const std::stop_token& stop);
  RunReport RunOnce(RecordType type, const std::stop_token& stop);
  void NoteError(std::string error);

  Destination& destination_;
  const SpoolEntries entries_;
  const DeliveryParts parts_;
  DailyDeadLetters dead_letter_;
  const std::string name_;
  RunProgress progress_;
  mutable absl::Mutex mutex_;
  std::string last_error_ ABSL_GUARDED_BY(mutex_);
  uint64_t accepted_at_error_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::jthread> threads_;
};

}  // namespace millrace

#endif  // MILLRACE_SPOOL_DELIVERY_H_
