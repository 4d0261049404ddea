#include "base/retry_policy.h"

#include <algorithm>

#include "absl/random/uniform_real_distribution.h"

namespace millrace {

absl::Duration RetryPolicy::WaitAfter(int attempt, absl::Duration retry_after,
                                      absl::BitGenRef random) const {
  absl::Duration wait = std::min(initial, most);
  for (int doubled = 1; doubled < attempt && wait < most; ++doubled) {
    wait = std::min(2 * wait, most);
  }
  const double spread = absl::uniform_real_distribution<double>(0, 1)(random);
  return std::max(wait, retry_after) + least_jitter + spread * (most_jitter - least_jitter);
}

}  // namespace millrace
