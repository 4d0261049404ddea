#include "base/retry_policy.h"

#include <algorithm>

#include "absl/random/uniform_real_distribution.h"

namespace millrace {

absl::Duration RetryPolicy::WaitAfter(int attempt, absl::Duration retry_after,
                                      absl::BitGenRef random) const {
  absl::Duration wait = std::min(initial, max);
  for (int doubled = 1; doubled < attempt && wait < max; ++doubled) {
    wait = std::min(2 * wait, max);
  }
  const double spread = absl::uniform_real_distribution<double>(0, 1)(random);
  return std::max(wait, retry_after) + min_jitter + spread * (max_jitter - min_jitter);
}

}  // namespace millrace
