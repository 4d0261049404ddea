#include "pipeline/retrier.h"

#include "absl/strings/str_cat.h"
#include "base/counted.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace {

void Retrier::Succeeded() {
  absl::MutexLock lock(&mutex_);
  failing_since_.reset();
}

absl::Status Retrier::WaitToRetry(int attempt, const absl::Status& why, absl::Duration retry_after,
                                  std::stop_token stop) {
  absl::Duration wait;
  {
    absl::MutexLock lock(&mutex_);
    const absl::Duration now = clock_.Elapsed();
    if (!failing_since_.has_value()) failing_since_ = now;
    wait = policy_.WaitAfter(attempt, retry_after, random_);
    if (now + wait > *failing_since_ + policy_.give_up_after) {
      return Annotate(
          why, StrCat("giving up after ", Counted(static_cast<uint64_t>(attempt), "try", "tries")));
    }
  }
  if (!clock_.SleepFor(wait, stop)) return absl::CancelledError("a stop was asked for");
  return absl::OkStatus();
}

}  // namespace millrace
