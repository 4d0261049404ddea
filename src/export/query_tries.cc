#include "export/query_tries.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "connectors/mixpanel/query_response.h"

namespace millrace {
namespace {

// Mixpanel counts the queries of an hour. With some time for clocks that differ.
constexpr absl::Duration kLimitPeriod = absl::Minutes(65);
constexpr int kLimitWaits = 5;  // how many times longer the waits may become

RetryPolicy LimitPolicy(RetryPolicy policy) {
  policy.max *= kLimitWaits;
  policy.give_up_after = std::max(policy.give_up_after, kLimitPeriod);
  return policy;
}

}  // namespace

QueryRetrier::QueryRetrier(const RetryPolicy& policy, Clock& clock)
    : clock_(clock),
      limit_policy_(LimitPolicy(policy)),
      failures_(policy, clock),
      limit_(limit_policy_, clock) {}

QueryTries::QueryTries(QueryRetrier& retrier)
    : retrier_(retrier), failures_(retrier.failures_), limit_(retrier.limit_) {}

void QueryTries::Succeeded() {
  failures_.Succeeded();
  limit_.Succeeded();
  limited_since_ = absl::InfiniteDuration();
}

absl::Status QueryTries::WaitToRetry(const absl::Status& why, std::stop_token stop) {
  if (!mixpanel::IsLimitReached(why)) {
    return failures_.WaitToRetry(why, absl::ZeroDuration(), std::move(stop));
  }
  const absl::Duration now = retrier_.clock_.Elapsed();
  limited_since_ = std::min(limited_since_, now);
  Log(Severity::kWarning,
      "Mixpanel's limit of queries is reached, also by other programs; waiting until the hour is "
      "over",
      {{"seconds_left",
        absl::ToInt64Seconds(limited_since_ + retrier_.limit_policy_.give_up_after - now)}});
  return limit_.WaitToRetry(why, absl::ZeroDuration(), std::move(stop));
}

}  // namespace millrace
