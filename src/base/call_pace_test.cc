#include "base/call_pace.h"

#include <gtest/gtest.h>

#include <deque>

namespace millrace {
namespace {

constexpr CallQuota kStreamQuota = {.burst = 500,
                                    .interval = absl::Milliseconds(400),
                                    .refusal_wait = absl::Seconds(5),
                                    .name = "the quota of a test"};

TEST(CallPace, AnHourOfStreamsIsBelowTheQuota) {
  FakeClock clock;
  CallPace pace(kStreamQuota, clock);
  std::deque<absl::Duration> recent;
  size_t most = 0;
  for (int i = 0; i < 30'000; ++i) {  // as fast as it lets: SleepFor() moves the clock
    ASSERT_TRUE(pace.Acquire({}));
    recent.push_back(clock.Elapsed());
    while (recent.front() <= clock.Elapsed() - absl::Hours(1)) recent.pop_front();
    most = std::max(most, recent.size());
  }
  EXPECT_LE(most, 9'501u);
  EXPECT_GT(most, 9'000u);
}

TEST(CallPace, ARefusalStopsCallsForAWhile) {
  FakeClock clock;
  CallPace pace(kStreamQuota, clock);
  ASSERT_TRUE(pace.Acquire({}));
  pace.QuotaExceeded();
  const absl::Duration before = clock.Elapsed();
  ASSERT_TRUE(pace.Acquire({}));
  EXPECT_EQ(clock.Elapsed() - before, kStreamQuota.refusal_wait);

  pace.QuotaExceeded();
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(pace.Acquire(stop.get_token()));
}

}  // namespace
}  // namespace millrace
