// Keeps a table below the number of load jobs that it may have in a day.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_JOB_PACE_H_
#define MILLRACE_CONNECTORS_BIGQUERY_JOB_PACE_H_

#include <stop_token>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"

namespace millrace::bigquery {

// A table may have 1,500 jobs that load or append in a day, those that failed included. This
// process creates at most kBurst at once, then one every kInterval: 1,450 in any 24 hours.
// Thread-safe.
class JobPace {
 public:
  static constexpr int kBurst = 100;
  static constexpr absl::Duration kInterval = absl::Seconds(64);
  // After BigQuery has said that the quota is used up.
  static constexpr absl::Duration kQuotaWait = absl::Minutes(10);

  explicit JobPace(Clock& clock) : clock_(clock) {}

  // Waits until a job may be created. False if that takes a wait and `stop` is requested.
  bool Acquire(std::stop_token stop);
  // No job is created for kQuotaWait.
  void QuotaExceeded();

 private:
  Clock& clock_;
  absl::Mutex mutex_;
  // By clock_.Elapsed(): when all jobs created so far would be kInterval apart.
  absl::Duration due_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();
  absl::Duration not_before_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();
};

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_JOB_PACE_H_
