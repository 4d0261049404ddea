#include "generate/trip_schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

namespace millrace {
namespace {

struct Size {
  uint64_t rows;
  uint64_t users;
};

class TripScheduleTest : public ::testing::TestWithParam<Size> {};

TEST_P(TripScheduleTest, EachUserMakesTripsInOrderAndKnowsTheNextOne) {
  const auto [rows, users] = GetParam();
  const TripSchedule schedule(7, rows, users);
  struct Seen {
    uint64_t trips = 0;
    std::optional<uint64_t> next_row;
  };
  std::map<uint64_t, Seen> seen;
  for (uint64_t row = 0; row < rows; ++row) {
    const TripSchedule::Slot slot = schedule.At(row);
    ASSERT_LT(slot.user, users);
    Seen& user = seen[slot.user];
    ASSERT_EQ(slot.trip, user.trips) << "row " << row;
    if (user.trips > 0) {
      ASSERT_EQ(user.next_row, row);
    }
    ++user.trips;
    user.next_row = slot.next_row;
    if (slot.next_row) {
      ASSERT_GT(*slot.next_row, row);
    }
  }
  EXPECT_EQ(seen.size(), users);
  for (const auto& [number, user] : seen) EXPECT_EQ(user.next_row, std::nullopt) << number;
}

INSTANTIATE_TEST_SUITE_P(Sizes, TripScheduleTest,
                         ::testing::Values(Size{1, 1}, Size{2, 1}, Size{1000, 1}, Size{1000, 3},
                                           Size{1000, 40}, Size{1000, 333}, Size{1000, 999},
                                           Size{1000, 1000}, Size{65'536, 7}, Size{65'537, 65'000},
                                           Size{50'000, 2000}, Size{99'991, 31}),
                         [](const auto& size) {
                           return std::to_string(size.param.rows) + "For" +
                                  std::to_string(size.param.users);
                         });

TEST(TripScheduleTest, FewUsersAreHot) {
  constexpr uint64_t kRows = 200'000;
  constexpr uint64_t kUsers = 8000;
  const TripSchedule schedule(1, kRows, kUsers);
  std::vector<uint64_t> trips(kUsers, 0);
  for (uint64_t row = 0; row < kRows; ++row) ++trips[schedule.At(row).user];
  std::sort(trips.begin(), trips.end());
  EXPECT_LE(trips[kUsers / 2], 4u);
  EXPECT_GE(trips.back(), 1000u);
  EXPECT_EQ(trips.front(), 1u);
}

}  // namespace
}  // namespace millrace
