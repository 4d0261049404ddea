// Commits what a staged run has staged: seals the sinks, announces the commit in the ledger, makes
// it, settles it and advances the objects.
#ifndef MILLRACE_PIPELINE_EPOCH_COMMITTER_H_
#define MILLRACE_PIPELINE_EPOCH_COMMITTER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "base/delayed_stop.h"
#include "base/retrier.h"
#include "pipeline/chunk_ticket.h"
#include "pipeline/epochs.h"
#include "pipeline/intent_resolver.h"
#include "pipeline/ledger_recorder.h"
#include "pipeline/run_context.h"
#include "pipeline/source.h"

namespace millrace {

// Thread-safe, but for the construction of sinks. Its thread starts at once, and makes the commits,
// so that one that is due is made although all workers wait for input. A permanent error stops the
// run.
class EpochCommitter {
 public:
  // More sinks than this may not be able to name their parts in one intent.
  static constexpr int kMaxSinks = 64;

  // `context`, which has a staging, and `recorder` outlive it.
  EpochCommitter(RunContext& context, LedgerRecorder& recorder);
  ~EpochCommitter();

  // A sink for one worker, which stages. It is used by the worker between Epochs::Begin() and
  // Epochs::Complete(), and by this otherwise. One call at a time, before the first chunk.
  std::unique_ptr<Sink> NewSink();

  // Adds a chunk that was read. Before the first one, it finishes the commits of workers that did
  // not, and removes what earlier runs left at the destination.
  absl::Status Add(const Chunk& chunk, ChunkTicket& ticket);
  // The chunk is complete: it is staged, with these counts.
  void Complete(ChunkTicket& ticket, const Counts& counts);
  Epochs& epochs() { return epochs_; }

  // Requested once a run that is stopping must not stage any more.
  std::stop_token stop() const { return late_.token(); }

  // Call when no worker works any more: commits what is staged, if it can be.
  void Close();

 private:
  class StagingSink;
  // An object and what the commit makes of it.
  struct Part {
    std::shared_ptr<ObjectProgress> object;
    ObjectProgress::Step step;
  };

  using ObjectPtr = std::shared_ptr<ObjectProgress>;

  absl::Status PrepareDestination(const std::string& destination, const std::string& owner);
  void Run();
  absl::Status Commit(const Epochs::Epoch& epoch);
  std::string NewId(const Epochs::Epoch& epoch);
  absl::StatusOr<std::vector<std::string>> Seal(const std::string& id);
  // Aborted: an object is lost, or not all of its rows were staged. In any case End() must follow.
  absl::Status Announce(const Epochs::Epoch& epoch, std::vector<Part>& parts, Intent& intent);
  void End(std::vector<Part>& parts, const Intent& intent, bool committed);
  // Gives up the objects of a commit that will not be made, or not by this worker.
  void Lose(const Epochs::Epoch& epoch);

  RunContext& context_;
  LedgerRecorder& recorder_;
  const DelayedStop late_;  // also after a stop, what is staged is committed
  Retrier retrier_;
  const std::unique_ptr<Committer> committer_;
  IntentResolver resolver_;
  Epochs epochs_;
  bool is_prepared_ = false;  // used by the thread that reads
  uint64_t commits_ = 0;      // used by thread_
  absl::Mutex mutex_;
  std::vector<std::unique_ptr<StagedSink>> sinks_ ABSL_GUARDED_BY(mutex_);
  const std::stop_callback<std::function<void()>> on_stop_;
  std::thread thread_;  // last: uses the rest
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_EPOCH_COMMITTER_H_
