#include "base/call_pace.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/strings.h"

namespace millrace {

bool CallPace::Acquire(std::stop_token stop) {
  absl::Duration wait;
  {
    absl::MutexLock lock(&mutex_);
    const absl::Duration now = clock_.Elapsed();
    const absl::Duration start =
        std::max({now, due_ - (quota_.burst - 1) * quota_.interval, not_before_});
    due_ = std::max(due_, start) + quota_.interval;
    wait = start - now;
  }
  if (wait <= absl::ZeroDuration()) return true;
  if (wait >= absl::Seconds(1)) {
    Log(Severity::kInfo, StrCat("waiting for ", quota_.name),
        {{"seconds", absl::ToInt64Seconds(wait)}});
  }
  return clock_.SleepFor(wait, std::move(stop));
}

void CallPace::QuotaExceeded() {
  absl::MutexLock lock(&mutex_);
  not_before_ = clock_.Elapsed() + quota_.refusal_wait;
}

}  // namespace millrace
