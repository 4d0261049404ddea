#include "staypoints/staypoint_builder.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"

namespace millrace {
namespace {

constexpr int64_t kMinute = 60'000'000;

// Builds staypoints of trips given as (start, end) and shows them as "user: enter-exit@lat ...".
class Builder {
 public:
  explicit Builder(const StayRules& rules = {})
      : builder_(rules, [this](const StaypointBlock& block) {
          for (size_t user = 0; user < block.users.size(); ++user) {
            StrAppend(&shown_, block.p1, "/", block.p2, " ", block.user_id(user), ":");
            for (size_t i = block.begin(user); i < block.users[user].end; ++i) {
              StrAppend(&shown_, " ", block.enter[i] == kNullTime ? "null" : StrCat(block.enter[i]),
                        "-", block.exit[i], "@", block.lat[i]);
            }
            shown_ += "; ";
          }
          return absl::OkStatus();
        }) {}

  Builder& User(const std::string& id, const std::vector<std::pair<int64_t, int64_t>>& trips) {
    const std::unique_ptr<char, void (*)(void*)> memory(
        static_cast<char*>(std::aligned_alloc(64, kMaxRecordBytes)), std::free);
    bool first = true;
    for (const auto& [start, end] : trips) {
      Trip trip{.user_id = id, .start = start, .end = end};
      trip.end_lat = static_cast<double>(end == kNullTime ? -1 : end);
      PackTrip(trip, memory.get());
      const auto& record = *reinterpret_cast<TripRecord*>(memory.get());
      if (std::exchange(first, false)) builder_.BeginUser(record);
      EXPECT_TRUE(builder_.Add(record).ok());
    }
    return *this;
  }
  std::string Shown() {
    EXPECT_TRUE(builder_.Finish().ok());
    return shown_;
  }
  const StayCounts& counts() const { return builder_.counts(); }

 private:
  std::string shown_;
  StaypointBuilder builder_;
};

TEST(StaypointBuilderTest, StaysAreBetweenConsecutiveTrips) {
  Builder builder;
  builder.User("abcd1", {{0, 10}, {20, 30}, {50, 60}}).User("abcd2", {{0, 1}, {5, 6}});
  EXPECT_EQ(builder.Shown(), "ab/cd abcd1: 10-20@10 30-50@30; ab/cd abcd2: 1-5@1; ");
  EXPECT_EQ(builder.counts().users, 2u);
  EXPECT_EQ(builder.counts().staypoints, 3u);
}

TEST(StaypointBuilderTest, UsersWithoutStaypointsAreLeftOut) {
  Builder builder;
  builder.User("one", {{0, 10}}).User("two", {{0, 1}, {5, 6}}).User("x", {{0, 0}});
  EXPECT_EQ(builder.Shown(), "tw/o two: 1-5@1; ");
  EXPECT_EQ(builder.counts().users, 1u);
}

TEST(StaypointBuilderTest, ExitBeforeEnterIsKeptAndCounted) {
  Builder builder;
  builder.User("user", {{0, 10}, {5, 6}, {7, 8}});
  EXPECT_EQ(builder.Shown(), "us/er user: 10-5@10 6-7@6; ");
  EXPECT_EQ(builder.counts().overlaps, 1u);
}

TEST(StaypointBuilderTest, ANullEndIsANullEnter) {
  Builder builder;
  builder.User("user", {{0, kNullTime}, {5, 6}});
  EXPECT_EQ(builder.Shown(), "us/er user: null-5@-1; ");
}

TEST(StaypointBuilderTest, RulesLeaveStaypointsOut) {
  const std::vector<std::pair<int64_t, int64_t>> trips = {
      {0, 10 * kMinute},             // overlaps the next one
      {5 * kMinute, 6 * kMinute},    // 1 minute
      {7 * kMinute, 8 * kMinute},    // 5 minutes
      {13 * kMinute, kNullTime},     // unknown
      {20 * kMinute, 21 * kMinute},  // 60 minutes
      {81 * kMinute, 82 * kMinute}};
  const auto left = [&](const StayRules& rules) {
    Builder builder(rules);
    builder.User("user", trips).Shown();
    EXPECT_EQ(builder.counts().staypoints + builder.counts().left_out, 5u);
    return builder.counts().staypoints;
  };
  EXPECT_EQ(left({}), 5u);
  EXPECT_EQ(left({.drop_overlaps = true}), 4u);
  EXPECT_EQ(left({.min_stay = 5 * kMinute}), 2u);
  EXPECT_EQ(left({.max_gap = 5 * kMinute}), 3u);
  EXPECT_EQ(left({.min_stay = 1 * kMinute, .max_gap = 5 * kMinute}), 2u);
  EXPECT_EQ(left({.min_stay = 24 * 60 * kMinute}), 0u);
}

TEST(StaypointBuilderTest, LargeUsersSpanBlocks) {
  std::vector<std::pair<int64_t, int64_t>> trips;
  for (int64_t i = 0; i < 100'001; ++i) trips.push_back({2 * i, 2 * i + 1});
  std::vector<size_t> sizes;
  std::vector<bool> continued;
  StaypointBuilder builder({}, [&](const StaypointBlock& block) {
    sizes.push_back(block.staypoints());
    continued.push_back(block.continues_user);
    return absl::OkStatus();
  });
  const std::unique_ptr<char, void (*)(void*)> memory(
      static_cast<char*>(std::aligned_alloc(64, 64)), std::free);
  for (size_t i = 0; i < trips.size(); ++i) {
    PackTrip({.user_id = "hot", .start = trips[i].first, .end = trips[i].second}, memory.get());
    const auto& record = *reinterpret_cast<TripRecord*>(memory.get());
    if (i == 0) builder.BeginUser(record);
    ASSERT_TRUE(builder.Add(record).ok());
  }
  ASSERT_TRUE(builder.Finish().ok());
  EXPECT_EQ(sizes, (std::vector<size_t>{32768, 32768, 32768, 1696}));
  EXPECT_EQ(continued, (std::vector<bool>{false, true, true, true}));
  EXPECT_EQ(builder.counts().users, 1u);
  EXPECT_EQ(builder.counts().staypoints, 100'000u);
}

}  // namespace
}  // namespace millrace
