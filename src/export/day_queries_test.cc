#include "export/day_queries.h"

#include <gmock/gmock.h>

namespace millrace {
namespace {

using testing::ElementsAre;

constexpr absl::CivilDay kDay(2026, 11, 1);

std::vector<std::pair<int, int>> TakeAll(DayQueries& days, uint64_t rows_of_each = 0) {
  std::vector<std::pair<int, int>> taken;
  while (const auto query = days.Take()) {
    taken.emplace_back(query->first - kDay, query->last - kDay);
    if (rows_of_each > 0) days.Learn(rows_of_each);
  }
  return taken;
}

TEST(DayQueriesTest, KnownDaysAreJoinedUpToTheTarget) {
  DayQueries days(100);
  for (int i = 0; i < 5; ++i) days.Add(kDay + i, 40);
  EXPECT_THAT(TakeAll(days), ElementsAre(std::pair(0, 1), std::pair(2, 3), std::pair(4, 4)));
}

TEST(DayQueriesTest, ADayAboveTheTargetIsAQueryOfItsOwn) {
  DayQueries days(100);
  days.Add(kDay, 10), days.Add(kDay + 1, 1000), days.Add(kDay + 2, 10);
  EXPECT_THAT(TakeAll(days), ElementsAre(std::pair(0, 0), std::pair(1, 1), std::pair(2, 2)));
}

TEST(DayQueriesTest, UnknownDaysAreTakenForDaysLikeThoseBefore) {
  DayQueries days(100);
  for (int i = 0; i < 9; ++i) days.Add(kDay + i, std::nullopt);
  EXPECT_THAT(TakeAll(days, 25), ElementsAre(std::pair(0, 0), std::pair(1, 4), std::pair(5, 8)));
}

TEST(DayQueriesTest, DaysThatAreNotNeighboursAreNotJoined) {
  DayQueries days(100);
  days.Add(kDay, 1), days.Add(kDay + 2, 1), days.Add(kDay + 3, 1);
  EXPECT_THAT(TakeAll(days), ElementsAre(std::pair(0, 0), std::pair(2, 3)));
}

TEST(DayQueriesTest, AQueryHasAtMostAMonth) {
  DayQueries days(100);
  for (int i = 0; i < 40; ++i) days.Add(kDay + i, 0);
  EXPECT_THAT(TakeAll(days), ElementsAre(std::pair(0, 30), std::pair(31, 39)));
}

}  // namespace
}  // namespace millrace
