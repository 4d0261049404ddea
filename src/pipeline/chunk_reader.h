// Distributes the chunks of one source to many workers, in order, and checks the source's contract.
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
#include "pipeline/chunk_ticket.h"
#include "pipeline/epoch_committer.h"
#include "pipeline/ledger_recorder.h"
#include "pipeline/publisher.h"
#include "pipeline/run_context.h"
#include "pipeline/source.h"

namespace millrace {

// Thread-safe. Owns a thread for background reads, which no worker has to wait for.
class ChunkReader {
 public:
  // `committer` is that of a staged run, `publisher` that of a run that replaces, else they are
  // null. All arguments outlive it.
  ChunkReader(RunContext& context, LedgerRecorder& recorder, EpochCommitter* committer,
              Publisher* publisher)
      : context_(context), recorder_(recorder), committer_(committer), publisher_(publisher) {}
  ~ChunkReader() { Close(); }

  struct Taken {
    std::unique_ptr<Chunk> chunk;
    ChunkTicket ticket;

    size_t memory() const { return chunk->payload == nullptr ? 0 : chunk->payload->memory(); }
  };
  // How much may be added to a batch before it is sent.
  struct Room {
    size_t chunks = 0;
    uint64_t rows = 0;
    size_t bytes = 0;
  };
  // The next chunk; always none once the source has ended or the run is stopping. If it does not
  // fill `room`, waits up to `linger` for more input, and returns the chunks up to the first one
  // that does.
  std::deque<Taken> Take(Room room, absl::Duration linger);
  // The next chunks, up to the first one that fills `room`, for a worker that has something to
  // send. Never waits for input to arrive, and waits at most `wait` in total for anything else
  // (claims, slow stores). The next call of Take() returns a chunk that was read too late.
  std::deque<Taken> TakeMore(const Room& room, absl::Duration wait);

  // Waits for a background read to end. No chunk can be taken afterwards.
  void Close();

  // Why the source cannot be read further; ok if it can, or if all of it was read.
  absl::Status end_status() const {
    absl::MutexLock lock(&mutex_);
    return end_status_;
  }
  // Whether the source was read to its end, even if a stop kept Take() from seeing it. Call it when
  // no worker reads any more and everything that was read is recorded.
  bool HasReadAll();

 private:
  bool TurnIsFree() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !reading_; }
  bool TurnIsFreeOrIdle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !reading_ || waiting_;
  }
  bool IsAskedOrClosed() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return asked_ || closed_; }
  static bool Reduce(Room& room, const Taken& taken);
  // Called by the thread whose turn it is; the turn ends with the answer.
  std::deque<Taken> AskAside(const Room& room, bool may_wait, absl::Duration wait)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RunReadAside();
  void ReadIntoRoom();
  // These are called by the thread whose turn it is.
  std::optional<Taken> ReadInTurn(bool may_wait);
  absl::StatusOr<std::optional<Taken>> Read(bool may_wait, bool& ended);
  void SetWaiting(bool waiting);
  absl::StatusOr<ChunkTicket> Register(const Chunk& chunk);

  RunContext& context_;
  LedgerRecorder& recorder_;
  EpochCommitter* const committer_;
  Publisher* const publisher_;

  // Used by the thread whose turn it is.
  std::shared_ptr<const LedgerEntry> entry_;  // of the object being read; null between objects
  std::shared_ptr<ObjectProgress> object_;

  mutable absl::Mutex mutex_;
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;  // some thread has the turn
  bool waiting_ ABSL_GUARDED_BY(mutex_) = false;  // and waits for input to arrive
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_status_ ABSL_GUARDED_BY(mutex_);

  // Reads by aside_, for the worker that has the turn until it has the chunks or stops waiting.
  bool asked_ ABSL_GUARDED_BY(mutex_) = false;
  bool may_wait_ ABSL_GUARDED_BY(mutex_) = false;  // for input to arrive
  bool given_up_ ABSL_GUARDED_BY(mutex_) = false;
  Room room_ ABSL_GUARDED_BY(mutex_);
  std::deque<Taken> ahead_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread aside_;  // started on first use, by the thread whose turn it is
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_CHUNK_READER_H_
