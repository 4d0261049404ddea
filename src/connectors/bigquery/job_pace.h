// Keeps a table below the number of load jobs that it may have in a day.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_JOB_PACE_H_
#define MILLRACE_CONNECTORS_BIGQUERY_JOB_PACE_H_

#include "absl/time/time.h"
#include "base/call_pace.h"
#include "base/clock.h"

namespace millrace::bigquery {

// A table may have 1,500 jobs that load or append in a day, those that failed included. This
// process creates at most kBurst at once, then one every kInterval: 1,450 in any 24 hours.
// Thread-safe.
class JobPace : public CallPace {
 public:
  static constexpr int kBurst = 100;
  static constexpr absl::Duration kInterval = absl::Seconds(64);
  // After BigQuery has said that the quota is used up.
  static constexpr absl::Duration kQuotaWait = absl::Minutes(10);

  explicit JobPace(Clock& clock)
      : CallPace({.burst = kBurst,
                  .interval = kInterval,
                  .refusal_wait = kQuotaWait,
                  .name = "BigQuery's daily quota of load jobs"},
                 clock) {}
};

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_JOB_PACE_H_
