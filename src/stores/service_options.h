// The options that the services of all clouds share.
#ifndef MILLRACE_STORES_SERVICE_OPTIONS_H_
#define MILLRACE_STORES_SERVICE_OPTIONS_H_

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/retry_policy.h"
#include "stores/client_pool.h"

namespace millrace {

// Clouds recommend earlier first retries than Mixpanel.
inline const RetryPolicy kStoreRetry{.initial = absl::Milliseconds(500),
                                     .max = absl::Seconds(32),
                                     .min_jitter = absl::ZeroDuration(),
                                     .max_jitter = absl::Seconds(1)};

struct ServiceOptions {
  HttpClientFactory clients = [] { return NewCurlHttpClient(); };
  RetryPolicy retry = kStoreRetry;
  Clock* clock = &Clock::Real();
};

}  // namespace millrace

#endif  // MILLRACE_STORES_SERVICE_OPTIONS_H_
