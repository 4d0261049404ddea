#include "connectors/bigquery/job_pace.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace millrace::bigquery {

bool JobPace::Acquire(std::stop_token stop) {
  absl::Duration wait;
  {
    absl::MutexLock lock(&mutex_);
    const absl::Duration now = clock_.Elapsed();
    const absl::Duration start = std::max({now, due_ - (kBurst - 1) * kInterval, not_before_});
    due_ = std::max(due_, start) + kInterval;
    wait = start - now;
  }
  if (wait <= absl::ZeroDuration()) return true;
  Log(Severity::kInfo, "waiting for BigQuery's daily quota of load jobs",
      {{"seconds", absl::ToInt64Seconds(wait)}});
  return clock_.SleepFor(wait, std::move(stop));
}

void JobPace::QuotaExceeded() {
  absl::MutexLock lock(&mutex_);
  not_before_ = clock_.Elapsed() + kQuotaWait;
}

}  // namespace millrace::bigquery
