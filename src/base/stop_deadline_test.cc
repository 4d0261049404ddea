#include "base/stop_deadline.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(StopDeadlineTest, CountsFromTheStop) {
  FakeClock clock;
  std::stop_source stop;
  const StopDeadline deadline(stop.get_token(), absl::Seconds(10), clock);
  clock.Advance(absl::Hours(1));
  EXPECT_EQ(deadline.left(), absl::Seconds(10));
  stop.request_stop();
  EXPECT_EQ(deadline.left(), absl::Seconds(10));
  clock.Advance(absl::Seconds(4));
  EXPECT_EQ(deadline.left(), absl::Seconds(6));
  clock.Advance(absl::Seconds(7));
  EXPECT_EQ(deadline.left(), absl::ZeroDuration());
}

TEST(StopDeadlineTest, CountsFromItsMakingAfterAStop) {
  FakeClock clock;
  std::stop_source stop;
  stop.request_stop();
  clock.Advance(absl::Hours(1));
  const StopDeadline deadline(stop.get_token(), absl::Seconds(10), clock);
  clock.Advance(absl::Seconds(1));
  EXPECT_EQ(deadline.left(), absl::Seconds(9));
}

}  // namespace
}  // namespace millrace
