#include "staypoints/stay_stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "staypoints/report_page.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kHour = 3600 * kSecond;
constexpr int64_t kMonday = 4 * 24 * kHour;  // 1970-01-05

TEST(StayStatsTest, LengthsFallIntoLogarithmicBins) {
  StayStats stats;
  stats.Add(0, kSecond, 1, 1);
  stats.Add(0, 10 * kSecond, 1, 1);
  stats.Add(0, 16 * kSecond, 1, 1);
  stats.Add(0, kSecond - 1, 1, 1);  // momentary
  stats.Add(kSecond, 0, 1, 1);      // an overlap
  stats.Add(kNullTime, 5, 1, 1);    // nobody knows
  stats.Add(0, int64_t{1} << 60, kNullCoordinate, 1);
  EXPECT_EQ(stats.stays, 7u);
  EXPECT_EQ(stats.lengths[0], 1u);
  EXPECT_EQ(stats.lengths[5], 1u);
  EXPECT_EQ(stats.lengths[6], 1u);
  EXPECT_EQ(stats.lengths[kLengthBins - 1], 1u);
  EXPECT_EQ(stats.momentary, 1u);
  EXPECT_EQ(stats.negative, 1u);
  EXPECT_EQ(stats.without_enter, 1u);
  EXPECT_EQ(stats.without_place, 1u);
}

TEST(StayStatsTest, ArrivalsByHourOfTheWeekAlsoBeforeTheEpoch) {
  StayStats stats;
  stats.Add(kMonday, kMonday + kHour, 1, 1);
  stats.Add(kMonday - 1, kMonday, 1, 1);                     // Sunday, 23
  stats.Add(kMonday - 7 * 24 * kHour + 5 * kHour, 0, 1, 1);  // Monday of 1969, 5
  EXPECT_EQ(stats.arrivals[0][0], 1u);
  EXPECT_EQ(stats.arrivals[6][23], 1u);
  EXPECT_EQ(stats.arrivals[0][5], 1u);
}

TEST(StayStatsTest, TheMedianIsThatOfTheBins) {
  StayStats stats;
  EXPECT_EQ(stats.MedianSeconds(), 0);
  for (int i = 1; i <= 1000; ++i) stats.Add(0, i * 60 * kSecond, 1, 1);
  EXPECT_NEAR(stats.MedianSeconds(), 500 * 60, 60 * 60);
}

StaypointBlock BlockOf(int stays) {
  StaypointBlock block;
  for (int i = 0; i < stays; ++i) {
    block.enter.push_back(kMonday);
    block.exit.push_back(kMonday + kHour);
    block.lat.push_back(50 + i * 0.001);
    block.lng.push_back(8);
  }
  return block;
}

TEST(StayStatsObserverTest, AddsUpTheWorkers) {
  StayStatsObserver observer;
  observer.Begin(3);
  observer.OnStaypoints(0, BlockOf(10));
  observer.OnStaypoints(2, BlockOf(5));
  observer.OnStaypoints(0, BlockOf(1));
  const StayStats total = observer.Total();
  EXPECT_EQ(total.stays, 16u);
  EXPECT_EQ(total.arrivals[0][0], 16u);
  EXPECT_EQ(ExtentOf(total.where).inside, 16u);
}

TEST(ReportPageTest, TextStaysText) {
  StayStatsObserver observer;
  observer.Begin(1);
  observer.OnStaypoints(0, BlockOf(4));
  StaypointsReport run;
  run.trips = 12345;
  const std::string page =
      MakeReportPage(observer.Total(), run,
                     {.input = "</script><script>alert(1)</script>\xff", .output = "<!-- out"});
  EXPECT_THAT(page, Not(HasSubstr("alert(1)</script>")));
  EXPECT_THAT(page, Not(HasSubstr("<!-- out")));
  EXPECT_THAT(page, HasSubstr("\"trips\":12345"));
  EXPECT_THAT(page, Not(HasSubstr("{{")));
  EXPECT_THAT(page, Not(HasSubstr("https://")));
  EXPECT_THAT(page, HasSubstr("</html>"));
}

}  // namespace
}  // namespace millrace
