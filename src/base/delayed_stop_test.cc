#include "base/delayed_stop.h"

#include <gtest/gtest.h>

#include "base/clock.h"

namespace millrace {
namespace {

constexpr absl::Duration kGrace = absl::Milliseconds(30);

// Returns how long it took until `stop` was requested.
absl::Duration TimeUntil(const std::stop_token& stop) {
  const absl::Duration begin = Clock::Real().Elapsed();
  Clock::Real().SleepFor(absl::InfiniteDuration(), stop);
  return Clock::Real().Elapsed() - begin;
}

TEST(DelayedStop, FollowsTheStopAfterTheGrace) {
  std::stop_source stop;
  const DelayedStop delayed(stop.get_token(), kGrace);
  EXPECT_FALSE(delayed.token().stop_requested());
  stop.request_stop();
  EXPECT_GE(TimeUntil(delayed.token()), kGrace);
}

TEST(DelayedStop, CountsFromItsConstructionAfterAStop) {
  std::stop_source stop;
  stop.request_stop();
  const DelayedStop delayed(stop.get_token(), kGrace);
  EXPECT_FALSE(delayed.token().stop_requested());
  EXPECT_GE(TimeUntil(delayed.token()), kGrace - absl::Milliseconds(1));
}

TEST(DelayedStop, IsNotRequestedWithoutAStop) {
  std::stop_token token;
  {
    std::stop_source stop;
    const DelayedStop delayed(stop.get_token(), absl::ZeroDuration());
    token = delayed.token();
  }
  EXPECT_FALSE(token.stop_requested());
}

TEST(DelayedStop, EndsWithinTheGrace) {
  std::stop_token token;
  {
    const DelayedStop delayed(absl::InfiniteDuration());
    token = delayed.token();
  }
  EXPECT_FALSE(token.stop_requested());
}

}  // namespace
}  // namespace millrace
