// Passes a value from each range of ids to the next one.
#ifndef MILLRACE_STAYPOINTS_RANGE_RELAY_H_
#define MILLRACE_STAYPOINTS_RANGE_RELAY_H_

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace millrace {

// Thread-safe. No call blocks forever if ranges are begun in ascending order and each passes on a
// value.
template <typename T>
class RangeRelay {
 public:
  explicit RangeRelay(size_t ranges) : slots_(ranges) {}

  // Returns what the previous range of `range` passed on, once it has. Cancelled after Cancel().
  absl::StatusOr<T> Receive(size_t range) {
    absl::MutexLock lock(&mutex_);
    const auto arrived = [&] {
      mutex_.AssertHeld();
      return cancelled_ || slots_[range].has_value();
    };
    mutex_.Await(absl::Condition(&arrived));
    if (cancelled_) return absl::CancelledError("another part of the output failed");
    return *std::exchange(slots_[range], std::nullopt);
  }

  // For the range after `range`.
  void Pass(size_t range, T value) {
    absl::MutexLock lock(&mutex_);
    if (range + 1 < slots_.size()) slots_[range + 1] = std::move(value);
  }

  void Cancel() {
    absl::MutexLock lock(&mutex_);
    cancelled_ = true;
  }

 private:
  absl::Mutex mutex_;
  std::vector<std::optional<T>> slots_ ABSL_GUARDED_BY(mutex_);
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_RANGE_RELAY_H_
