// Trying again, by the one retry policy, what many threads try at one destination.
#ifndef MILLRACE_PIPELINE_RETRIER_H_
#define MILLRACE_PIPELINE_RETRIER_H_

#include <optional>
#include <stop_token>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "pipeline/retry_policy.h"

namespace millrace {

// Thread-safe.
class Retrier {
 public:
  Retrier(const RetryPolicy& policy, Clock& clock) : policy_(policy), clock_(clock) {}

  // A try went well: the time to give up counts from the next failure.
  void Succeeded();

  // Try number `attempt` (from 1) failed with `why`. Waits, then ok: try again. `why` if the next
  // try would come later than give_up_after since everything fails; Cancelled once `stop` is
  // requested.
  absl::Status WaitToRetry(int attempt, const absl::Status& why, absl::Duration retry_after,
                           std::stop_token stop);

 private:
  const RetryPolicy policy_;
  Clock& clock_;
  absl::Mutex mutex_;
  absl::BitGen random_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Duration> failing_since_ ABSL_GUARDED_BY(mutex_);  // clock_.Elapsed()
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_RETRIER_H_
