#include "staypoints/trip_sorter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "base/strings.h"
#include "staypoints/id_ranges.h"
#include "staypoints/trip_store.h"

namespace millrace {
namespace {

struct OwnedTrip {
  std::string id;
  Trip trip;

  auto key() const {
    return std::tuple(id, trip.start, trip.end, trip.start_lat, trip.start_lng, trip.end_lat,
                      trip.end_lng);
  }
};

// Ids of all kinds, a hot user, and many ties.
std::vector<OwnedTrip> RandomTrips(size_t count, size_t users) {
  std::mt19937_64 random(11);
  std::vector<OwnedTrip> trips;
  for (size_t i = 0; i < count; ++i) {
    const size_t user = random() % 3 == 0 ? 0 : random() % users;
    OwnedTrip owned;
    switch (user % 3) {
      case 0:
        owned.id = StrCat("user_", user);
        break;
      case 1:
        owned.id = StrCat("auth0|a-rather-long-identifier-", user);
        break;
      default:
        owned.id = StrCat("3f2a7c1e-0000-4000-8000-", 100'000'000'000 + user);
    }
    owned.trip.start = static_cast<int64_t>(random() % (count / 4 + 1)) - 1000;
    owned.trip.end = owned.trip.start + static_cast<int64_t>(random() % 3);
    owned.trip.start_lat = static_cast<double>(random() % 2);
    owned.trip.end_lat = static_cast<double>(random() % 90);
    owned.trip.end_lng = static_cast<double>(i % 180);
    trips.push_back(std::move(owned));
  }
  return trips;
}

// Staypoints as text, from a plain sort.
std::vector<std::string> Expected(std::vector<OwnedTrip> trips) {
  std::sort(trips.begin(), trips.end(),
            [](const OwnedTrip& a, const OwnedTrip& b) { return a.key() < b.key(); });
  std::vector<std::string> lines;
  for (size_t i = 0; i + 1 < trips.size(); ++i) {
    if (trips[i].id != trips[i + 1].id) continue;
    const Trip& trip = trips[i].trip;
    lines.push_back(StrCat(trips[i].id, " ", trip.end, " ", trips[i + 1].trip.start, " ",
                           trip.end_lat, " ", trip.end_lng));
  }
  return lines;
}

struct Limits {
  size_t store_memory;
  size_t sorter_memory;
  size_t ranges;
};

class TripSorterTest : public testing::Test {
 protected:
  // What the store and the sorter make of `trips`, which two threads add.
  std::vector<std::string> Sorted(const std::vector<OwnedTrip>& trips, const Limits& limits) {
    scratch_ = std::make_unique<ScratchFile>(std::filesystem::temp_directory_path());
    std::vector<std::string> ids;
    for (const OwnedTrip& trip : trips) ids.push_back(trip.id);
    const IdRanges ranges(ids, limits.ranges);
    auto store = TripStore::Make({.ranges = ranges.count(),
                                  .writers = 2,
                                  .chunk_bytes = 4096,
                                  .memory = limits.store_memory},
                                 *scratch_);
    EXPECT_TRUE(store.ok()) << store.status();
    {
      std::vector<std::jthread> threads;
      for (size_t thread = 0; thread < 2; ++thread) {
        threads.emplace_back([&, thread] {
          TripStore::Writer writer(**store);
          for (size_t i = thread; i < trips.size(); i += 2) {
            Trip trip = trips[i].trip;
            trip.user_id = trips[i].id;
            EXPECT_TRUE(writer.Add(ranges.Find(trip.user_id), trip).ok());
          }
          writer.Finish();
        });
      }
    }
    std::vector<std::string> lines;
    StaypointBuilder builder({}, [&](const StaypointBlock& block) {
      for (size_t user = 0; user < block.users.size(); ++user) {
        for (size_t i = block.begin(user); i < block.users[user].end; ++i) {
          lines.push_back(StrCat(block.user_id(user), " ", block.enter[i], " ", block.exit[i], " ",
                                 block.lat[i], " ", block.lng[i]));
        }
      }
      return absl::OkStatus();
    });
    TripSorter sorter(*scratch_, limits.sorter_memory);
    for (size_t range = 0; range < ranges.count(); ++range) {
      const absl::Status status = sorter.Sort((*store)->Take(range), builder, {});
      EXPECT_TRUE(status.ok()) << status;
    }
    EXPECT_TRUE(builder.Finish().ok());
    return lines;
  }

  std::unique_ptr<ScratchFile> scratch_;
};

TEST_F(TripSorterTest, InMemory) {
  const std::vector<OwnedTrip> trips = RandomTrips(20'000, 700);
  EXPECT_EQ(Sorted(trips, {64 << 20, 64 << 20, 16}), Expected(trips));
  EXPECT_EQ(scratch_->bytes_written(), 0u);
}

TEST_F(TripSorterTest, SpilledAndSortedRangeByRange) {
  const std::vector<OwnedTrip> trips = RandomTrips(20'000, 700);
  EXPECT_EQ(Sorted(trips, {512 << 10, 64 << 20, 16}), Expected(trips));
  EXPECT_GT(scratch_->bytes_written(), 500'000u);
}

TEST_F(TripSorterTest, ARangeThatDoesNotFitIsMergedFromRuns) {
  const std::vector<OwnedTrip> trips = RandomTrips(200'000, 700);
  EXPECT_EQ(Sorted(trips, {4 << 20, 4 << 20, 2}), Expected(trips));
  EXPECT_GT(scratch_->bytes_written(), 20'000'000u);  // spilled, and then as runs
}

TEST_F(TripSorterTest, EachTripOfAUserOfItsOwnMakesNoStaypoint) {
  std::vector<OwnedTrip> trips = RandomTrips(5'000, 2);
  for (size_t i = 0; i < trips.size(); ++i) trips[i].id = StrCat("user-", i);
  EXPECT_TRUE(Sorted(trips, {512 << 10, 4 << 20, 8}).empty());
}

}  // namespace
}  // namespace millrace
