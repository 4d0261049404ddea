// Limits the rate of requests.
#ifndef MILLRACE_CONNECTORS_MIXPANEL_RATE_LIMITER_H_
#define MILLRACE_CONNECTORS_MIXPANEL_RATE_LIMITER_H_

#include <cstdint>
#include <stop_token>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"

namespace millrace::mixpanel {

// Keeps a project under its quota: token buckets of events and uncompressed bytes that hold one
// second's worth. Thread-safe; requests are admitted in the order of their calls.
class RateLimiter {
 public:
  // 0: unlimited. Mixpanel: 30,000 events/s and 2 GB/min.
  RateLimiter(double events_per_second, double bytes_per_second, Clock& clock = Clock::Real());
  // Waits until `events` and `bytes` may be sent; false if that takes a wait and `stop` is
  // requested. A request larger than a bucket is admitted, and later ones wait longer.
  bool Acquire(uint64_t events, uint64_t bytes, std::stop_token stop);

 private:
  Clock& clock_;
  const double events_per_second_;
  const double bytes_per_second_;
  absl::Mutex mutex_;
  // When each bucket is balanced again, in seconds of the clock.
  double events_due_ ABSL_GUARDED_BY(mutex_) = 0;
  double bytes_due_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_RATE_LIMITER_H_
