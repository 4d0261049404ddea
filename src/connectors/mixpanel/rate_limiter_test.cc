#include "connectors/mixpanel/rate_limiter.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace millrace::mixpanel {
namespace {

TEST(RateLimiter, LetsEverythingPassWithoutLimits) {
  FakeClock clock;
  const absl::Time start = clock.Now();
  RateLimiter rate_limiter(0, 0, clock);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(rate_limiter.Acquire(1'000'000, 1'000'000'000, {}));
  EXPECT_EQ(clock.Now(), start);
}

TEST(RateLimiter, KeepsEventsUnderTheirRate) {
  FakeClock clock;
  const absl::Time start = clock.Now();
  RateLimiter rate_limiter(30'000, 0, clock);
  for (int i = 0; i < 600; ++i) ASSERT_TRUE(rate_limiter.Acquire(2000, 1, {}));
  const double seconds = absl::ToDoubleSeconds(clock.Now() - start);
  EXPECT_NEAR(seconds, 600 * 2000 / 30'000.0 - 1, 0.1);  // all but the first second's worth
}

TEST(RateLimiter, KeepsBytesUnderTheirRate) {
  FakeClock clock;
  const absl::Time start = clock.Now();
  RateLimiter rate_limiter(1e9, 1000, clock);
  for (int i = 0; i < 21; ++i) ASSERT_TRUE(rate_limiter.Acquire(1, 500, {}));
  EXPECT_NEAR(absl::ToDoubleSeconds(clock.Now() - start), 9, 0.01);
}

TEST(RateLimiter, SavesNoMoreThanOneSecondsWorth) {
  FakeClock clock;
  RateLimiter rate_limiter(1000, 0, clock);
  clock.Advance(absl::Hours(1));
  const absl::Time start = clock.Now();
  ASSERT_TRUE(rate_limiter.Acquire(1000, 0, {}));
  ASSERT_TRUE(rate_limiter.Acquire(1000, 0, {}));
  EXPECT_EQ(clock.Now(), start);
  ASSERT_TRUE(rate_limiter.Acquire(1000, 0, {}));
  EXPECT_NEAR(absl::ToDoubleSeconds(clock.Now() - start), 1, 0.001);
}

TEST(RateLimiter, ARequestLargerThanTheBucketPassesAndTheNextWaits) {
  FakeClock clock;
  const absl::Time start = clock.Now();
  RateLimiter rate_limiter(1000, 0, clock);
  ASSERT_TRUE(rate_limiter.Acquire(10'000, 0, {}));
  EXPECT_EQ(clock.Now(), start);
  ASSERT_TRUE(rate_limiter.Acquire(1, 0, {}));
  EXPECT_NEAR(absl::ToDoubleSeconds(clock.Now() - start), 9, 0.001);
}

TEST(RateLimiter, EndsItsWaitAtAStop) {
  std::stop_source stop;
  stop.request_stop();
  FakeClock clock;
  RateLimiter rate_limiter(1, 0, clock);
  EXPECT_TRUE(rate_limiter.Acquire(100, 0, stop.get_token()));  // no wait
  EXPECT_FALSE(rate_limiter.Acquire(100, 0, stop.get_token()));
}

TEST(RateLimiter, AStopWakesARealWait) {
  std::stop_source stop;
  RateLimiter rate_limiter(0.001, 0);
  ASSERT_TRUE(rate_limiter.Acquire(1'000'000, 0, {}));
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_FALSE(rate_limiter.Acquire(1, 0, stop.get_token()));
}

TEST(RateLimiter, SharesItsRateBetweenThreads) {
  FakeClock clock;
  const absl::Time start = clock.Now();
  RateLimiter rate_limiter(1000, 0, clock);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 50; ++i) rate_limiter.Acquire(100, 0, {});
      });
    }
  }
  // The fake clock moves by every waiter's wait, so only a lower bound holds.
  EXPECT_GE(absl::ToDoubleSeconds(clock.Now() - start), 4 * 50 * 100 / 1000.0 - 1.2);
}

}  // namespace
}  // namespace millrace::mixpanel
