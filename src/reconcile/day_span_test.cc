#include "reconcile/day_span.h"

namespace millrace {
namespace {

using testing::ElementsAre;

TEST(PlanSpans, JoinsNeighboursWhileTheyFit) {
  EXPECT_THAT(PlanSpans({{10, 40}, {11, 60}, {12, 1}, {13, 99}}, 100),
              ElementsAre(DaySpan{10, 11, 100}, DaySpan{12, 13, 100}));
}

TEST(PlanSpans, ALargeDayIsASeparateSpan) {
  EXPECT_THAT(PlanSpans({{10, 1}, {11, 500}, {12, 1}}, 100),
              ElementsAre(DaySpan{10, 10, 1}, DaySpan{11, 11, 500}, DaySpan{12, 12, 1}));
}

TEST(PlanSpans, BridgesAWeekAndNoMore) {
  EXPECT_THAT(PlanSpans({{10, 1}, {18, 1}, {27, 1}}, 100),
              ElementsAre(DaySpan{10, 18, 2}, DaySpan{27, 27, 1}));
}

TEST(PlanSpans, NoDaysGiveNoSpan) { EXPECT_THAT(PlanSpans({}, 100), testing::IsEmpty()); }

}  // namespace
}  // namespace millrace
