// Repeats queries of Mixpanel that fail for a while, or because of its limit of queries.
#ifndef MILLRACE_EXPORT_QUERY_TRIES_H_
#define MILLRACE_EXPORT_QUERY_TRIES_H_

#include <stop_token>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/retrier.h"
#include "base/retry_policy.h"

namespace millrace {

// What the queries of an export share. Other programs may have used Mixpanel's queries of the hour,
// so a query that is refused for that reason (429) is repeated for longer than an hour, less often.
class QueryRetrier {
 public:
  QueryRetrier(const RetryPolicy& policy, Clock& clock);

 private:
  friend class QueryTries;

  Clock& clock_;
  const RetryPolicy limit_policy_;
  Retrier failures_;
  Retrier limit_;
};

// One query. One thread at a time.
class QueryTries {
 public:
  explicit QueryTries(QueryRetrier& retrier);

  void Succeeded();
  // As RetryLoop::WaitToRetry(). The log says how long the limit is waited for.
  absl::Status WaitToRetry(const absl::Status& why, std::stop_token stop);

 private:
  QueryRetrier& retrier_;
  RetryLoop failures_;
  RetryLoop limit_;
  absl::Duration limited_since_ = absl::InfiniteDuration();  // by the clock's Elapsed()
};

}  // namespace millrace

#endif  // MILLRACE_EXPORT_QUERY_TRIES_H_
