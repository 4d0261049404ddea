// Keeps a project below the limits of Mixpanel's query APIs: a number per hour, and 3 per second.
#ifndef MILLRACE_CONNECTORS_MIXPANEL_QUERY_RATE_LIMITER_H_
#define MILLRACE_CONNECTORS_MIXPANEL_QUERY_RATE_LIMITER_H_

#include <cstddef>
#include <deque>
#include <stop_token>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"

namespace millrace::mixpanel {

// One thread at a time.
class QueryRateLimiter {
 public:
  // 0 per hour: no limits.
  QueryRateLimiter(size_t max_per_hour, Clock& clock)
      : max_per_hour_(max_per_hour), clock_(clock) {}

  // Waits until one more query may be sent. Cancelled if `stop` is requested first.
  absl::Status WaitForTurn(std::stop_token stop);

 private:
  const size_t max_per_hour_;
  Clock& clock_;
  std::deque<absl::Duration> sent_;  // times of the last hour's queries
};

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_QUERY_RATE_LIMITER_H_
