// The one retry policy: how long to wait before a write is tried again, and when to give up.
#ifndef MILLRACE_BASE_RETRY_POLICY_H_
#define MILLRACE_BASE_RETRY_POLICY_H_

#include "absl/random/bit_gen_ref.h"
#include "absl/time/time.h"

namespace millrace {

// Mixpanel's recommendation: 2 s doubling to 60 s, plus 1 to 5 s of jitter.
struct RetryPolicy {
  absl::Duration initial = absl::Seconds(2);
  absl::Duration max = absl::Seconds(60);
  absl::Duration min_jitter = absl::Seconds(1);
  absl::Duration max_jitter = absl::Seconds(5);
  // The run gives up once this long has passed since any write last succeeded.
  absl::Duration give_up_after = absl::Minutes(5);

  // The wait before try `attempt` + 1, attempt counted from 1; never below `retry_after`.
  absl::Duration WaitAfter(int attempt, absl::Duration retry_after, absl::BitGenRef random) const;
};

}  // namespace millrace

#endif  // MILLRACE_BASE_RETRY_POLICY_H_
