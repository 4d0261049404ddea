// Limits how many workers run at once and how many bytes they hold.
#ifndef MILLRACE_PIPELINE_CONCURRENCY_LIMITER_H_
#define MILLRACE_PIPELINE_CONCURRENCY_LIMITER_H_

#include <atomic>
#include <cstddef>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace millrace {

// Adapts the number of workers to the destination. After each round of writes (as many as may be in
// flight) it admits one more worker if the quickest write took longer than kFar, which means that
// workers spend their time waiting, or if throttling has pushed the limit below its initial value.
// A throttled write halves the limit, once for all writes that were in flight. Thread-safe.
class ConcurrencyLimiter {
 public:
  static constexpr absl::Duration kFar = absl::Milliseconds(15);

  // 1 <= initial_writes <= max_writes. `*sharing_limiters` limiters share `max_bytes` in equal
  // parts; their number may grow. Null: this limiter has all of it.
  ConcurrencyLimiter(int initial_writes, int max_writes, size_t max_bytes,
                     const std::atomic<int>* sharing_limiters = nullptr);

  // A worker's permission to run; returned by its destructor. Not thread-safe.
  class Permit {
   public:
    explicit Permit(ConcurrencyLimiter& limiter, size_t bytes)
        : limiter_(&limiter), bytes_(bytes) {}
    Permit(Permit&& other) noexcept
        : limiter_(std::exchange(other.limiter_, nullptr)), bytes_(other.bytes_) {}
    Permit& operator=(Permit&&) = delete;
    ~Permit() {
      if (limiter_ != nullptr) limiter_->Leave(bytes_);
    }

    // The worker holds `bytes` now, and held up to `peak` to get there.
    void Holds(size_t bytes, size_t peak);
    // Reserves memory for one more chunk; false if there is none at the moment.
    bool TakeRoom();
    // Call before each write of a chunk: if more workers run than are allowed now, waits like the
    // others, and keeps its bytes. Returns at once when the limiter is closed.
    void AwaitTurn();
    // The worker starts or stops waiting for input. AwaitTurn() does not count such workers,
    // because the input may arrive only after the others have written their batches.
    void SetAwaitsInput(bool waits);

   private:
    ConcurrencyLimiter* limiter_;
    size_t bytes_;
  };

  // Waits until one more worker may run and there is memory for as much as a worker needed
  // recently. Always nullopt once the limiter is closed.
  std::optional<Permit> Enter();

  // Waits until more than `workers` may run at once; false if that will never happen.
  bool AwaitRoomFor(int workers);

  // Reports a write from `begun` to `ended` (times of one monotonic clock).
  void Wrote(absl::Duration begun, absl::Duration ended, bool throttled);

  // Admits no more workers.
  void Close();

  // How many workers may run at once.
  int allowed() const {
    absl::MutexLock lock(&mutex_);
    return allowed_;
  }

 private:
  void Leave(size_t bytes);
  size_t MostBytes() const {
    return sharing_limiters_ == nullptr
               ? max_bytes_
               : max_bytes_ / static_cast<size_t>(sharing_limiters_->load());
  }
  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return bytes_ == 0 || bytes_ + expected_ <= MostBytes();
  }
  bool MayEnter() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return closed_ || (in_flight_ < allowed_ && HasRoom());
  }
  bool MayGoOn() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return closed_ || in_flight_ - awaiting_input_ < allowed_;
  }
  void EndRound() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int initial_writes_;
  const int max_writes_;
  const size_t max_bytes_;
  const std::atomic<int>* const sharing_limiters_;

  mutable absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  int allowed_ ABSL_GUARDED_BY(mutex_);
  int in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  int awaiting_input_ ABSL_GUARDED_BY(mutex_) = 0;  // of those in flight
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;        // held or reserved
  size_t expected_ ABSL_GUARDED_BY(mutex_);         // reserved for the next chunk
  int writes_in_round_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Duration quickest_in_round_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteDuration();
  absl::Duration halved_at_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_CONCURRENCY_LIMITER_H_
