#include "connectors/mixpanel/query_rate_limiter.h"

namespace millrace::mixpanel {
namespace {

TEST(QueryRateLimiter, SendsThreeASecondAndSoManyAnHour) {
  FakeClock clock;
  QueryRateLimiter rate_limiter(5, clock);
  const absl::Duration begin = clock.Elapsed();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(rate_limiter.WaitForTurn({}).ok());
  EXPECT_EQ(clock.Elapsed() - begin, absl::ZeroDuration());
  ASSERT_TRUE(rate_limiter.WaitForTurn({}).ok());
  EXPECT_EQ(clock.Elapsed() - begin, absl::Seconds(1));
  ASSERT_TRUE(rate_limiter.WaitForTurn({}).ok());
  ASSERT_TRUE(rate_limiter.WaitForTurn({}).ok());
  EXPECT_EQ(clock.Elapsed() - begin, absl::Hours(1));
}

TEST(QueryRateLimiter, ZeroIsNoLimit) {
  FakeClock clock;
  const absl::Duration begin = clock.Elapsed();
  QueryRateLimiter rate_limiter(0, clock);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(rate_limiter.WaitForTurn({}).ok());
  EXPECT_EQ(clock.Elapsed() - begin, absl::ZeroDuration());
}

TEST(QueryRateLimiter, StopEndsTheWait) {
  FakeClock clock;
  QueryRateLimiter rate_limiter(1, clock);
  ASSERT_TRUE(rate_limiter.WaitForTurn({}).ok());
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(rate_limiter.WaitForTurn(stop.get_token())));
}

}  // namespace
}  // namespace millrace::mixpanel
