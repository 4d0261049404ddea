// Divides the chunks of a staged run, in the order of reading, into epochs. One commit covers an
// epoch, so that of each object it covers rows without a gap.
#ifndef MILLRACE_PIPELINE_EPOCHS_H_
#define MILLRACE_PIPELINE_EPOCHS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "pipeline/staging.h"

namespace millrace {

class Epochs;
class ObjectProgress;

// One chunk's share in its epoch, which is not complete while shares of it exist.
class EpochShare {
 public:
  EpochShare() = default;  // of no epoch
  EpochShare(EpochShare&& other) noexcept { swap(other); }
  EpochShare& operator=(EpochShare&& other) noexcept {
    EpochShare(std::move(other)).swap(*this);
    return *this;
  }
  ~EpochShare();

 private:
  friend class Epochs;
  EpochShare(Epochs& epochs, uint64_t epoch) : epochs_(&epochs), epoch_(epoch) {}
  void swap(EpochShare& other) noexcept {
    std::swap(epochs_, other.epochs_);
    std::swap(epoch_, other.epoch_);
    std::swap(is_begun_, other.is_begun_);
  }

  Epochs* epochs_ = nullptr;
  uint64_t epoch_ = 0;
  bool is_begun_ = false;  // something of the chunk may be staged
};

// Only the first epoch is staged; the workers that hold chunks of later ones wait until its commit
// has ended. Thread-safe.
class Epochs {
 public:
  // `max_span_bytes`: of the spans of one intent.
  Epochs(const CommitLimits& limits, size_t max_span_bytes, Clock& clock);

  // The next chunk, in the order of reading, of `rows` rows. `span_bytes` is what its object takes
  // in an intent, `error_bytes` what the chunk adds to that.
  EpochShare Add(const std::shared_ptr<ObjectProgress>& object, uint64_t rows, size_t span_bytes,
                 size_t error_bytes);
  // The reader starts or stops waiting because the source has nothing ready.
  void SetWaiting(bool waiting);

  // Waits until the share's epoch is the first, or the run is stopping.
  void AwaitTurn(const EpochShare& share);
  enum class Admission { kBegun, kLater, kDropped };
  // Before something of the chunk is staged. kLater: its epoch is not the first. kDropped: it will
  // never be staged, because its object is lost or the run is stopping.
  Admission Begin(EpochShare& share, const ObjectProgress& object);
  void AddBytes(size_t staged);
  // All of the chunk is staged.
  void Complete(EpochShare& share);

  // The first epoch.
  struct Epoch {
    std::vector<std::shared_ptr<ObjectProgress>> objects;  // each once
    bool is_whole = true;  // all chunks of which something is staged are complete
  };
  // Waits until the first epoch must be committed: one of the limits was reached and all its chunks
  // are complete, or End() was called. Nullopt if there is nothing left to commit.
  std::optional<Epoch> AwaitCommit();
  // The first epoch is over, and the next one may be staged.
  void Next();

  // The run is stopping: chunks of the first epoch may still be staged, later ones are dropped.
  void Stop();
  // Nothing is staged any more.
  void Abort();
  // No worker works any more: what is staged is the last epoch.
  void End();

 private:
  friend class EpochShare;
  struct State : Epoch {
    uint64_t rows = 0;
    size_t span_bytes = 0;
    size_t staged_bytes = 0;
    absl::Duration started;
    absl::Duration completed;  // the last chunk
    uint64_t shares = 0;
    bool is_closed = false;
  };

  void Drop(EpochShare& share);
  uint64_t last_number() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return first_ + epochs_.size() - 1;
  }
  State& StateOf(const EpochShare& share) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return epochs_[share.epoch_ - first_];
  }
  bool IsDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Duration CloseTime() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsWoken() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return IsDue() || CloseTime() < sleeps_until_ || CloseTime() <= clock_.Elapsed();
  }

  const CommitLimits limits_;
  const size_t max_span_bytes_;
  Clock& clock_;
  absl::Mutex mutex_;
  uint64_t first_ ABSL_GUARDED_BY(mutex_) = 0;        // number of epochs_.front()
  std::deque<State> epochs_ ABSL_GUARDED_BY(mutex_);  // never empty; all but the last are closed
  bool is_waiting_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Duration waits_since_ ABSL_GUARDED_BY(mutex_);
  absl::Duration sleeps_until_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteDuration();
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_aborted_ ABSL_GUARDED_BY(mutex_) = false;
  bool has_ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_EPOCHS_H_
