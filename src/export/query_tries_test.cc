#include "export/query_tries.h"

#include <gtest/gtest.h>

#include "connectors/mixpanel/query_response.h"

namespace millrace {
namespace {

// How long a query is repeated that is always answered with `http_status`.
absl::Duration TimeUntilGivenUp(int http_status, int& tries) {
  FakeClock clock;
  QueryRetrier retrier(RetryPolicy(), clock);
  const absl::Duration begin = clock.Elapsed();
  QueryTries query(retrier);
  for (tries = 1;; ++tries) {
    const absl::Status why = mixpanel::CheckResponse({.status = http_status});
    if (!query.WaitToRetry(why, {}).ok()) return clock.Elapsed() - begin;
  }
}

TEST(QueryTriesTest, TheLimitIsWaitedForUntilTheHourIsOverAndFailuresAreNot) {
  int tries = 0;
  EXPECT_EQ(TimeUntilGivenUp(503, tries), RetryPolicy().give_up_after);
  EXPECT_EQ(TimeUntilGivenUp(429, tries), absl::Minutes(65));
  EXPECT_LT(tries, 30);  // each of them may count for the limit
}

TEST(QueryTriesTest, AQueryThatSucceedsEndsTheWaiting) {
  FakeClock clock;
  QueryRetrier retrier(RetryPolicy(), clock);
  QueryTries query(retrier);
  const absl::Status limited = mixpanel::CheckResponse({.status = 429});
  for (int hours = 0; hours < 3; ++hours) {
    const absl::Duration begin = clock.Elapsed();
    while (clock.Elapsed() - begin < absl::Minutes(55)) {
      ASSERT_TRUE(query.WaitToRetry(limited, {}).ok()) << hours;
    }
    query.Succeeded();
  }
}

}  // namespace
}  // namespace millrace
