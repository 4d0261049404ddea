// How many streams BigQuery lets a project create.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_STREAM_QUOTA_H_
#define MILLRACE_CONNECTORS_BIGQUERY_STREAM_QUOTA_H_

#include "absl/time/time.h"
#include "base/call_pace.h"

namespace millrace::bigquery {

// 10,000 streams in an hour; this process creates at most 9,500.
inline constexpr CallQuota kStreamQuota = {.burst = 500,
                                           .interval = absl::Milliseconds(400),
                                           .refusal_wait = absl::Seconds(5),
                                           .name = "BigQuery's hourly quota of streams"};

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_STREAM_QUOTA_H_
