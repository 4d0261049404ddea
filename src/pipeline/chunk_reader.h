// Hands the chunks of one source to many workers, in order, and holds the source to its contract.
#ifndef MILLRACE_PIPELINE_CHUNK_READER_H_
#define MILLRACE_PIPELINE_CHUNK_READER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "pipeline/ledger_recorder.h"
#include "pipeline/object_progress.h"
#include "pipeline/run_context.h"
#include "pipeline/source.h"

namespace millrace {

// Thread-safe. Owns a thread for reads that nobody must wait for.
class ChunkReader {
 public:
  ChunkReader(RunContext& context, LedgerRecorder& recorder)
      : context_(context), recorder_(recorder) {}
  ~ChunkReader() { Close(); }

  struct Taken {
    std::unique_ptr<Chunk> chunk;
    ChunkTicket ticket;

    size_t memory() const { return chunk->payload == nullptr ? 0 : chunk->payload->memory(); }
  };
  // The next chunk; nullopt for ever once the source has ended or the run is halted.
  std::optional<Taken> Take();
  // How much more a batch takes before it is sent.
  struct Room {
    size_t chunks = 0;
    uint64_t rows = 0;
    size_t bytes = 0;
  };
  // The next chunks, up to the first one that fills `room`, for a worker that has something to
  // send: only what can be had without waiting for input to arrive, nor for longer than `wait` in
  // all (for claims, slow stores). What is read too late comes to the next call of Take().
  std::deque<Taken> TakeMore(const Room& room, absl::Duration wait);

  // Waits for a read that nobody waited for. Nothing is taken after it.
  void Close();

  // Why the source cannot be read on; ok if it can, or all of it was read.
  absl::Status end_status() const {
    absl::MutexLock lock(&mutex_);
    return end_status_;
  }
  // Once no worker reads any more and all that was read is recorded: whether nothing is left,
  // though a stop may have kept Take() from seeing it.
  bool HasReadAll();

 private:
  bool TurnIsFree() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !reading_; }
  bool TurnIsFreeOrIdle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !reading_ || waiting_;
  }
  bool IsAskedOrClosed() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return asked_ || closed_; }
  void RunReadAside();
  void ReadIntoRoom();
  // What follows is called by the one whose turn it is.
  std::optional<Taken> ReadInTurn(bool may_wait);
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

  // Reads by aside_, for the worker that has the turn until it has the chunks or gives up.
  bool asked_ ABSL_GUARDED_BY(mutex_) = false;
  bool given_up_ ABSL_GUARDED_BY(mutex_) = false;
  Room room_ ABSL_GUARDED_BY(mutex_);
  std::deque<Taken> ahead_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread aside_;  // started when it is first needed, by the one whose turn it is
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_CHUNK_READER_H_
