// How many workers may work at once, and how many bytes they may hold.
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

// Adapts to the destination. After each round of writes (as many as may be in flight) it lets one
// more worker in if the quickest of them took longer than kFar, so that waiting and not work is
// what fills the time, or if throttling had pushed it below where it started. A throttled write
// halves it, once for all writes that were under way.
// Thread-safe.
class ConcurrencyLimiter {
 public:
  static constexpr absl::Duration kFar = absl::Milliseconds(15);

  // 1 <= initial_writes <= max_writes. `max_bytes` is shared by `*gates` gates in equal parts,
  // which may become more; null: by this one alone.
  ConcurrencyLimiter(int initial_writes, int max_writes, size_t max_bytes,
                     const std::atomic<int>* gates = nullptr);

  // The right to work; gives itself back. Not thread-safe.
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

    // Its owner holds `bytes` now, and held `peak` to come there.
    void Holds(size_t bytes, size_t peak);
    // Room for one more chunk beside what it holds; false if there is none just now.
    bool TakeRoom();
    // Before each write of a chunk: if fewer may work now than do, waits like the others, still
    // holding its bytes. Returns at once when the gate is closed.
    void AwaitTurn();
    // Its owner begins or ends to wait for input: nobody else waits in AwaitTurn() for those that
    // do, as the input may come only once what the others have in hand is written.
    void SetAwaitsInput(bool waits);

   private:
    ConcurrencyLimiter* limiter_;
    size_t bytes_;
  };

  // Waits until one more may work and there is room for what a worker was last seen to need.
  // Nullopt for ever once the gate is closed.
  std::optional<Permit> Enter();

  // Waits until more than `workers` may work at once; false once that will never be.
  bool AwaitRoomFor(int workers);

  // A write took from `begun` to `ended` (of one monotonic clock).
  void Wrote(absl::Duration begun, absl::Duration ended, bool throttled);

  // Nobody enters any more.
  void Close();

  // How many may work at once.
  int allowed() const {
    absl::MutexLock lock(&mutex_);
    return allowed_;
  }

 private:
  void Leave(size_t bytes);
  size_t MostBytes() const {
    return gates_ == nullptr ? max_bytes_ : max_bytes_ / static_cast<size_t>(gates_->load());
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
  const std::atomic<int>* const gates_;

  mutable absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  int allowed_ ABSL_GUARDED_BY(mutex_);
  int in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  int awaiting_input_ ABSL_GUARDED_BY(mutex_) = 0;  // of those in flight
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;        // held or set aside
  size_t expected_ ABSL_GUARDED_BY(mutex_);         // what is set aside for the next chunk
  int writes_in_round_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Duration quickest_in_round_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteDuration();
  absl::Duration halved_at_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_CONCURRENCY_LIMITER_H_
