// The runs of a watch into one destination: one for each record type, which end together.
#ifndef MILLRACE_WATCH_DESTINATION_RUNS_H_
#define MILLRACE_WATCH_DESTINATION_RUNS_H_

#include <atomic>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <stop_token>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "import/record_run.h"
#include "watch/object_queue.h"

namespace millrace::watch {

// What the runs of all destinations share; all of it outlives them.
struct SharedByRuns {
  const ImportRequest& request;
  const CurrentSources& sources;
  ScriptPool& scripts;
  Ledger& ledger;
  DeadLetterQueue& dead_letter;
  // The number of runs, of all destinations: see RunOptions::sharing_runs.
  std::atomic<int>& sharing_runs;
};

// Thread-safe.
class DestinationRuns {
 public:
  // There is a queue for each record type. All parameters outlive this.
  DestinationRuns(Destination& destination, SharedByRuns shared, const QueueOptions& queue,
                  StoreCache& stores, WatchProgress& progress, ImportProgress& import_progress);
  ~DestinationRuns();

  const std::map<RecordType, std::unique_ptr<ObjectQueue>>& queues() const { return queues_; }

  // Starts the runs that `sources` needs and that do not run yet; none after a stop.
  void Start(const SourcesConfig& sources);

  // Stops the runs; those that were not started never will be.
  void Stop() { end_.request_stop(); }

  // Waits until a run has failed, or a stop or the end of the queues has ended one; then ends the
  // others. Afterwards everything that the queues were offered has its result, also later offers.
  // Call it once.
  ImportReport AwaitEnd();

  // Lets the runs end when nothing waits in their queues any more.
  void EndQueues();
  bool idle() const;
  // Whose last attempt failed.
  uint64_t objects_failing() const;

 private:
  void RunQueue(RecordType type, ImportReport& report);

  Destination& destination_;
  const SharedByRuns shared_;
  ImportProgress& progress_;
  std::map<RecordType, std::unique_ptr<ObjectQueue>> queues_;
  std::stop_source end_;
  absl::Mutex mutex_;
  bool run_ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<RecordType, ImportReport> reports_ ABSL_GUARDED_BY(mutex_);  // of the runs that began
  std::list<std::jthread> runs_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace::watch

#endif  // MILLRACE_WATCH_DESTINATION_RUNS_H_
