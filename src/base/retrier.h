// Retries, by one retry policy, the operations of many threads at one destination.
#ifndef MILLRACE_BASE_RETRIER_H_
#define MILLRACE_BASE_RETRIER_H_

#include <stop_token>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/retry_policy.h"

namespace millrace {

// The state that operations at one destination share: the policy, and when one last succeeded.
// Thread-safe.
class Retrier {
 public:
  Retrier(const RetryPolicy& policy, Clock& clock) : policy_(policy), clock_(clock) {}

 private:
  friend class RetryLoop;

  const RetryPolicy policy_;
  Clock& clock_;
  absl::Mutex mutex_;
  absl::BitGen random_ ABSL_GUARDED_BY(mutex_);
  // By clock_.Elapsed().
  absl::Duration last_success_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();
};

// One operation that is tried until it succeeds, fails permanently or has failed for too long:
//
//   for (RetryLoop tries(retrier);;) {
//     const absl::Status status = Try();
//     if (status.ok()) { tries.Succeeded(); return status; }
//     RETURN_IF_ERROR(tries.WaitToRetry(status, absl::ZeroDuration(), stop));
//   }
//
// One thread at a time.
class RetryLoop {
 public:
  // `retrier` must outlive it.
  explicit RetryLoop(Retrier& retrier) : retrier_(retrier) {}

  // A try succeeded or made progress: waits are short again, and the time to give up counts from
  // the next failure. No operation of the retrier gives up because of failures before it.
  void Succeeded();

  // A try failed with `why`. Waits, then ok: try again. `why` once give_up_after has passed since
  // the first failure of this operation, or since any last succeeded, whichever was later, or if it
  // will have passed after `retry_after`; Cancelled once `stop` is requested.
  absl::Status WaitToRetry(const absl::Status& why, absl::Duration retry_after,
                           std::stop_token stop);

  // Failures since the last success.
  int failures() const { return failures_; }

 private:
  Retrier& retrier_;
  int failures_ = 0;
  absl::Duration failing_since_;  // set if failures_ > 0
};

}  // namespace millrace

#endif  // MILLRACE_BASE_RETRIER_H_
