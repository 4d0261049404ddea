#include "net/server_clock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace {
namespace {

HttpResponse AnsweredAt(absl::Time time) {
  return {.status = 403,
          .headers = {
              {"date", absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", time, absl::UTCTimeZone())}}};
}

TEST(ClockHint, NamesTheDifferenceInMinutes) {
  const absl::Time now = FakeClock().Now();
  for (const absl::Duration skew : {absl::Minutes(20), -absl::Minutes(20), absl::Seconds(1190)}) {
    EXPECT_EQ(ClockHint(AnsweredAt(now + skew), now),
              "this machine's clock is off by 20 minutes; correct it (e.g. with NTP)");
  }
}

TEST(ClockHint, SaysNothingOfAClockThatIsNearEnoughOrNotToldOf) {
  const absl::Time now = FakeClock().Now();
  EXPECT_EQ(ClockHint(AnsweredAt(now + absl::Minutes(4)), now), "");
  EXPECT_EQ(ClockHint({.status = 403}, now), "");
  EXPECT_EQ(ClockHint({.status = 403, .headers = {{"date", "yesterday"}}}, now), "");
}

TEST(ServerClock, FollowsTheServerOnceItsDateIsFarFromOurs) {
  FakeClock clock;
  ServerClock server(clock, "test");
  EXPECT_EQ(server.Now(), clock.Now());
  EXPECT_FALSE(server.Learn(AnsweredAt(clock.Now() - absl::Minutes(4))));
  EXPECT_EQ(server.Now(), clock.Now());
  EXPECT_TRUE(server.Learn(AnsweredAt(clock.Now() - absl::Hours(3))));
  EXPECT_EQ(server.Now(), clock.Now() - absl::Hours(3));
  // A known difference is no reason for a retry.
  clock.Advance(absl::Minutes(10));
  EXPECT_FALSE(server.Learn(AnsweredAt(clock.Now() - absl::Hours(3))));
  // The clock was corrected meanwhile.
  EXPECT_TRUE(server.Learn(AnsweredAt(clock.Now())));
  EXPECT_EQ(server.Now(), clock.Now());
}

}  // namespace
}  // namespace millrace
