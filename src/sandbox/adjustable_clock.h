// A clock that can be set, stopped and advanced, so that a test decides when an event arrives and
// when a limit is over.
#ifndef MILLRACE_SANDBOX_ADJUSTABLE_CLOCK_H_
#define MILLRACE_SANDBOX_ADJUSTABLE_CLOCK_H_

#include <optional>
#include <stop_token>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"

namespace millrace::sandbox {

// Thread-safe. Elapsed() and SleepFor() are those of the clock below.
class AdjustableClock final : public Clock {
 public:
  explicit AdjustableClock(Clock& real) : real_(real) {}

  absl::Time Now() override;
  absl::Duration Elapsed() override { return real_.Elapsed(); }
  bool SleepFor(absl::Duration duration, std::stop_token stop) override {
    return real_.SleepFor(duration, std::move(stop));
  }

  void Set(absl::Time now);
  // A stopped clock shows the same time until it is set, advanced or started.
  void SetStopped(bool stopped);
  bool is_stopped() const;
  // As the clock below, and running.
  void Reset();

 private:
  absl::Time NowLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Clock& real_;
  mutable absl::Mutex mutex_;
  absl::Duration ahead_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Time> stopped_at_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_ADJUSTABLE_CLOCK_H_
