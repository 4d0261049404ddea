#include "base/retrier.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/pluralize.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace {

void RetryLoop::Succeeded() {
  failures_ = 0;
  absl::MutexLock lock(&retrier_.mutex_);
  retrier_.last_success_ = retrier_.clock_.Elapsed();
}

absl::Status RetryLoop::WaitToRetry(const absl::Status& why, absl::Duration retry_after,
                                    std::stop_token stop) {
  const absl::Duration now = retrier_.clock_.Elapsed();
  if (failures_++ == 0) failing_since_ = now;
  absl::Duration wait;
  {
    absl::MutexLock lock(&retrier_.mutex_);
    const absl::Duration since = std::max(failing_since_, retrier_.last_success_);
    const absl::Duration left = since + retrier_.policy_.give_up_after - now;
    wait = retrier_.policy_.WaitAfter(failures_, retry_after, retrier_.random_);
    wait = std::min(wait, left);  // the last try comes at the end
    if (wait <= absl::ZeroDuration() || wait < retry_after) {
      return Annotate(why, StrCat("giving up after ",
                                  Pluralize(static_cast<uint64_t>(failures_), "try", "tries")));
    }
  }
  if (!retrier_.clock_.SleepFor(wait, stop)) return absl::CancelledError("a stop was requested");
  return absl::OkStatus();
}

}  // namespace millrace
