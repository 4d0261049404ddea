// Hands the chunks of one source to many workers, in order, and holds the source to its contract.
#ifndef MILLRACE_PIPELINE_CHUNK_READER_H_
#define MILLRACE_PIPELINE_CHUNK_READER_H_

#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "pipeline/ledger_recorder.h"
#include "pipeline/object_progress.h"
#include "pipeline/run_context.h"
#include "pipeline/source.h"

namespace millrace {

// Thread-safe.
class ChunkReader {
 public:
  ChunkReader(RunContext& context, LedgerRecorder& recorder)
      : context_(context), recorder_(recorder) {}

  struct Taken {
    std::unique_ptr<Chunk> chunk;
    ChunkTicket ticket;
  };
  // The next chunk; nullopt for ever once the source has ended or the run is halted.
  std::optional<Taken> Take() { return TakeInTurn(/*may_wait=*/true); }
  // The same, but nullopt also where it would have to wait for input to arrive.
  std::optional<Taken> TakeIfReady() { return TakeInTurn(/*may_wait=*/false); }

  // Why the source cannot be read on; ok if it can, or all of it was read.
  absl::Status end_status() const {
    absl::MutexLock lock(&mutex_);
    return end_status_;
  }
  // All of the source was read.
  bool at_end() const {
    absl::MutexLock lock(&mutex_);
    return ended_ && end_status_.ok();
  }

 private:
  std::optional<Taken> TakeInTurn(bool may_wait);
  bool TurnIsFree() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !reading_; }
  bool TurnIsFreeOrIdle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !reading_ || waiting_;
  }
  // What follows is called by the one whose turn it is.
  absl::StatusOr<std::optional<Taken>> Read(bool may_wait, bool& ended);
  absl::StatusOr<ChunkTicket> Register(const Chunk& chunk);

  RunContext& context_;
  LedgerRecorder& recorder_;

  // Of the one whose turn it is.
  std::shared_ptr<const LedgerEntry> entry_;  // of the object being read; null between objects
  std::shared_ptr<ObjectProgress> object_;

  mutable absl::Mutex mutex_;
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;  // it is someone's turn
  bool waiting_ ABSL_GUARDED_BY(mutex_) = false;  // who waits for input to arrive
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_CHUNK_READER_H_
