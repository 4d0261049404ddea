// Keeps calls of one kind below the quota of a service.
#ifndef MILLRACE_BASE_CALL_PACE_H_
#define MILLRACE_BASE_CALL_PACE_H_

#include <stop_token>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"

namespace millrace {

// Calls at once, and the distance of later ones: at most `burst` + T / `interval` in any time T.
struct CallQuota {
  int burst = 1;
  absl::Duration interval;
  absl::Duration refusal_wait;  // after the service has said that the quota is used up
  std::string_view name;        // in the log: "BigQuery's daily quota of load jobs"
};

// Thread-safe.
class CallPace {
 public:
  CallPace(const CallQuota& quota, Clock& clock) : quota_(quota), clock_(clock) {}

  // Waits until a call may be made. False if that takes a wait and `stop` is requested.
  bool Acquire(std::stop_token stop);
  // No call is made for quota.refusal_wait.
  void QuotaExceeded();

 private:
  const CallQuota quota_;
  Clock& clock_;
  absl::Mutex mutex_;
  // By clock_.Elapsed(): when all calls so far would be quota_.interval apart.
  absl::Duration due_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();
  absl::Duration not_before_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();
};

}  // namespace millrace

#endif  // MILLRACE_BASE_CALL_PACE_H_
