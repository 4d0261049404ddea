#include "base/clock.h"

#include <thread>

namespace millrace {
namespace {

TEST(FakeClock, MovesOnlyWhenToldOrSlept) {
  FakeClock clock;
  const absl::Time begin = clock.Now();
  clock.Advance(absl::Seconds(5));
  EXPECT_TRUE(clock.SleepFor(absl::Seconds(2), {}));
  EXPECT_EQ(clock.Now() - begin, absl::Seconds(7));
}

TEST(RealClock, ASleepEndsWhenAStopIsRequested) {
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_FALSE(Clock::Real().SleepFor(absl::Hours(1), stop.get_token()));
}

TEST(RealClock, ASleepThatEndsByItselfSaysSo) {
  EXPECT_TRUE(Clock::Real().SleepFor(absl::Microseconds(1), {}));
}

}  // namespace
}  // namespace millrace
