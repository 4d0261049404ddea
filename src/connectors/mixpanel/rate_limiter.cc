#include "connectors/mixpanel/rate_limiter.h"

#include <algorithm>

namespace millrace::mixpanel {
namespace {

// Takes `amount` from a bucket that gains `per_second` and holds one second's worth; returns when
// the bucket had enough for it to begin.
double Take(double amount, double per_second, double now, double& due) {
  if (per_second <= 0) return now;
  const double begin = std::max(due, now - 1.0);
  due = begin + amount / per_second;
  return begin;
}

}  // namespace

RateLimiter::RateLimiter(double events_per_second, double bytes_per_second, Clock& clock)
    : clock_(clock), events_per_second_(events_per_second), bytes_per_second_(bytes_per_second) {}

bool RateLimiter::Acquire(uint64_t events, uint64_t bytes, std::stop_token stop) {
  double wait = 0;
  {
    absl::MutexLock lock(&mutex_);
    const double now = absl::ToDoubleSeconds(clock_.Elapsed());
    wait = std::max(Take(static_cast<double>(events), events_per_second_, now, events_due_),
                    Take(static_cast<double>(bytes), bytes_per_second_, now, bytes_due_)) -
           now;
  }
  if (wait <= 0) return true;
  return clock_.SleepFor(absl::Seconds(wait), stop);
}

}  // namespace millrace::mixpanel
