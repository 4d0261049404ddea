// Time as a parameter: the wall clock, the monotonic clock and sleeping.
#ifndef MILLRACE_BASE_CLOCK_H_
#define MILLRACE_BASE_CLOCK_H_

#include <stop_token>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace millrace {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() = 0;
  // Monotonic; for differences only.
  virtual absl::Duration Elapsed() = 0;
  // Sleeps for `duration`; returns false at once if `stop` is or becomes requested.
  virtual bool SleepFor(absl::Duration duration, std::stop_token stop) = 0;

  static Clock& Real();
};

// Advances only on request, or by SleepFor, which returns at once.
class FakeClock : public Clock {
 public:
  explicit FakeClock(absl::Time now = absl::FromUnixSeconds(1'700'000'000)) : now_(now) {}
  absl::Time Now() override;
  absl::Duration Elapsed() override;
  bool SleepFor(absl::Duration duration, std::stop_token stop) override;
  void Advance(absl::Duration duration);

 private:
  absl::Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace

#endif  // MILLRACE_BASE_CLOCK_H_
