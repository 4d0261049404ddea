#include "export/window_queries.h"

#include <gmock/gmock.h>

namespace millrace {
namespace {

using testing::ElementsAre;

constexpr int64_t kDay = 20000;

std::vector<std::pair<int64_t, int64_t>> TakeAll(WindowQueries& days, uint64_t rows_of_each = 0) {
  std::vector<std::pair<int64_t, int64_t>> taken;
  while (const auto query = days.Take()) {
    taken.emplace_back(query->windows.first - kDay, query->windows.last - kDay);
    if (rows_of_each > 0) days.Learn(rows_of_each);
  }
  return taken;
}

TEST(WindowQueriesTest, KnownDaysAreJoinedUpToTheTarget) {
  WindowQueries days(100, 31);
  for (int i = 0; i < 5; ++i) days.Add(kDay + i, 40);
  EXPECT_THAT(TakeAll(days), ElementsAre(std::pair(0, 1), std::pair(2, 3), std::pair(4, 4)));
}

TEST(WindowQueriesTest, ADayAboveTheTargetIsAQueryOfItsOwn) {
  WindowQueries days(100, 31);
  days.Add(kDay, 10), days.Add(kDay + 1, 1000), days.Add(kDay + 2, 10);
  EXPECT_THAT(TakeAll(days), ElementsAre(std::pair(0, 0), std::pair(1, 1), std::pair(2, 2)));
}

TEST(WindowQueriesTest, ADayAboveTheTargetIsReadInPieces) {
  WindowQueries days(100, 31);
  days.Add(kDay, 100), days.Add(kDay + 1, 250), days.Add(kDay + 2, 1'000'000);
  EXPECT_EQ(days.Take()->pieces, 1);
  EXPECT_EQ(days.Take()->pieces, 3);
  EXPECT_EQ(days.Take()->pieces, 24);
}

TEST(WindowQueriesTest, UnknownDaysAreTakenForDaysLikeThoseBefore) {
  WindowQueries days(100, 31);
  for (int i = 0; i < 9; ++i) days.Add(kDay + i, std::nullopt);
  EXPECT_THAT(TakeAll(days, 25), ElementsAre(std::pair(0, 0), std::pair(1, 4), std::pair(5, 8)));
}

TEST(WindowQueriesTest, DaysThatAreNotNeighboursAreNotJoined) {
  WindowQueries days(100, 31);
  days.Add(kDay, 1), days.Add(kDay + 2, 1), days.Add(kDay + 3, 1);
  EXPECT_THAT(TakeAll(days), ElementsAre(std::pair(0, 0), std::pair(2, 3)));
}

TEST(WindowQueriesTest, AQueryHasAtMostAMonth) {
  WindowQueries days(100, 31);
  for (int i = 0; i < 40; ++i) days.Add(kDay + i, 0);
  EXPECT_THAT(TakeAll(days), ElementsAre(std::pair(0, 30), std::pair(31, 39)));
}

}  // namespace
}  // namespace millrace
