// Of a run that replaces: holds back the progress of its object until all of it is collected, then
// replaces what the destination has.
#ifndef MILLRACE_PIPELINE_PUBLISHER_H_
#define MILLRACE_PIPELINE_PUBLISHER_H_

#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "base/delayed_stop.h"
#include "base/retrier.h"
#include "pipeline/chunk_ticket.h"
#include "pipeline/ledger_recorder.h"
#include "pipeline/run_context.h"
#include "pipeline/source.h"

namespace millrace {

// A part of an object must never replace the whole: if a stop, an error or another worker comes
// before all of it is collected, nothing is published, and the next run collects it from its first
// row. Thread-safe.
class Publisher {
 public:
  // `context`, which has a replacement, and `recorder` outlive it.
  Publisher(RunContext& context, LedgerRecorder& recorder);

  // The source begins an object, before it is claimed at the destination. FailedPrecondition: it is
  // not the one that replaces, or another version of it after the first, or the ledger has its
  // first rows as delivered.
  absl::Status Begin(const std::shared_ptr<ObjectProgress>& object, uint64_t first_row);
  // Adds a chunk of it that was read.
  void Add(const Chunk& chunk);
  // The chunk is complete: it is collected, with these counts. The last one publishes the object;
  // blocking. A failure stops the run.
  void Complete(const ChunkTicket& ticket, const Counts& counts);

 private:
  void Publish(const std::shared_ptr<ObjectProgress>& object, const absl::Status& end);

  RunContext& context_;
  LedgerRecorder& recorder_;
  const DelayedStop late_;  // also after a stop, what is whole is published
  Retrier retrier_;
  absl::Mutex mutex_;
  std::shared_ptr<ObjectProgress> object_ ABSL_GUARDED_BY(mutex_);
  uint64_t incomplete_ ABSL_GUARDED_BY(mutex_) = 0;  // its chunks
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;       // its last chunk was read
  absl::Status end_ ABSL_GUARDED_BY(mutex_);         // not ok: it ends early
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_PUBLISHER_H_
