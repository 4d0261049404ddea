#include "generate/trip_generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "base/strings.h"
#include "generate/testing/read_rows.h"
#include "io/durable_file.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::Le;
using ::testing::SizeIs;

namespace fs = std::filesystem;

constexpr int64_t kEnd = 1'793'491'200'000'000;
constexpr int64_t kWeek = int64_t{7} * 24 * 3600 * 1'000'000;

std::string Folder(std::string_view name) {
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  const fs::path folder = fs::path(::testing::TempDir()) /
                          StrCat(test->test_suite_name(), "_", test->name(), "_", name);
  fs::remove_all(folder);
  return folder.string();
}

GenerateReport Generate(const GenerateTripsOptions& options) {
  auto report = GenerateTrips(options, {});
  EXPECT_TRUE(report.ok()) << report.status();
  return report.ok() ? *report : GenerateReport();
}

TEST(GenerateTripsTest, FormatsAgreeRowByRow) {
  const GenerateReport report =
      Generate({.rows = 5000,
                .seed = 3,
                .output = Folder("out"),
                .formats = {FileType::kParquet, FileType::kNdjson, FileType::kCsv}});

  ASSERT_THAT(report.files, SizeIs(3));
  EXPECT_EQ(report.sources_json, "");
  const std::vector<std::string> parquet = ReadRows(report.files[0]);
  EXPECT_THAT(parquet, SizeIs(5000));
  EXPECT_THAT(parquet[0], ::testing::MatchesRegex(
                              "user_id=[0-9a-f-]+.trip_start_time=2026-[0-9T:.-]+."
                              "trip_end_time=2026-[0-9T:.-]+.start_lat=[0-9.-]+.start_lng=[0-9.-]+."
                              "end_lat=[0-9.-]+.end_lng=[0-9.-]+."));
  EXPECT_EQ(ReadRows(report.files[1]), parquet);
  EXPECT_EQ(ReadRows(report.files[2]), parquet);
}

TEST(GenerateTripsTest, ParquetAloneByDefaultAndTheSameRowsInMoreFiles) {
  const std::string output = Folder("one");
  const GenerateReport one = Generate({.rows = 1001, .seed = 5, .output = output});
  const GenerateReport three =
      Generate({.rows = 1001, .seed = 5, .output = Folder("three"), .files = 3});

  EXPECT_THAT(one.files, ElementsAre(output + "/trips-00000.parquet"));
  std::vector<std::string> joined;
  for (const std::string& file : three.files) {
    for (std::string& row : ReadRows(file)) joined.push_back(std::move(row));
  }
  EXPECT_EQ(joined, ReadRows(one.files[0]));
  const GenerateReport again = Generate({.rows = 1001, .seed = 5, .output = Folder("again")});
  EXPECT_EQ(ReadWholeFile(again.files[0]).value(), ReadWholeFile(one.files[0]).value());
  const GenerateReport other = Generate({.rows = 1001, .seed = 6, .output = Folder("other")});
  EXPECT_NE(ReadRows(other.files[0]), joined);
}

TEST(GenerateTripsTest, RefusesOptionsThatMakeNoSense) {
  const std::string output = Folder("out");
  const GenerateTripsOptions wrong[] = {
      {.rows = 0, .output = output},
      {.rows = 10, .output = output, .users = 11},
      {.rows = 10, .output = output, .partitions = 4095},
  };
  for (const GenerateTripsOptions& options : wrong) {
    EXPECT_EQ(GenerateTrips(options, {}).status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_FALSE(fs::exists(output));
}

struct Trip {
  std::string user;
  int64_t start;
  int64_t end;
  double start_lat, start_lng, end_lat, end_lng;
};

std::vector<Trip> MakeTrips(const TripModelOptions& options) {
  TripModel model(options);
  std::vector<Trip> trips;
  for (uint64_t row = 0; row < options.rows; ++row) {
    const absl::Span<const Value> cells = model.Make(row);
    trips.push_back({std::string(cells[0].text), cells[1].integer, cells[2].integer, cells[3].real,
                     cells[4].real, cells[5].real, cells[6].real});
  }
  return trips;
}

TEST(TripModelTest, TripsAreLikeRealOnes) {
  constexpr uint64_t kRows = 100'000;
  const std::vector<Trip> trips = MakeTrips(
      {.seed = 2, .rows = kRows, .users = 4000, .begin_us = kEnd - 13 * kWeek, .end_us = kEnd});
  std::map<std::string, std::vector<Trip>> by_user;
  std::set<std::string> partitions;
  uint64_t late = 0;
  int64_t latest = 0;
  for (const Trip& trip : trips) {
    ASSERT_THAT(trip.start, AllOf(Ge(kEnd - 13 * kWeek), Le(kEnd)));
    ASSERT_GE(trip.end, trip.start);
    ASSERT_THAT(trip.user, SizeIs(36));
    late += trip.start < latest - int64_t{12 * 3600} * 1'000'000;
    latest = std::max(latest, trip.start);
    by_user[trip.user].push_back(trip);
    partitions.insert(trip.user.substr(0, 4));
  }
  EXPECT_LT(late, kRows / 100);  // nearly in order
  EXPECT_THAT(by_user, SizeIs(4000));
  EXPECT_THAT(partitions, SizeIs(Ge(3500u)));

  uint64_t stays = 0, overlaps = 0, ties = 0, equal = 0, apart = 0;
  for (auto& [user, list] : by_user) {
    std::sort(list.begin(), list.end(),
              [](const Trip& a, const Trip& b) { return a.start < b.start; });
    for (size_t i = 0; i + 1 < list.size(); ++i) {
      ++stays;
      overlaps += list[i + 1].start < list[i].end;
      ties += list[i + 1].start == list[i].start;
      equal += list[i].start == list[i].end;
      apart += std::abs(list[i + 1].start_lat - list[i].end_lat) > 0.001;
    }
  }
  EXPECT_THAT(overlaps, AllOf(Ge(stays / 1000), Le(stays / 50)));
  EXPECT_THAT(ties, AllOf(Ge(1u), Le(stays / 100)));
  EXPECT_THAT(equal, AllOf(Ge(stays / 1000), Le(stays / 50)));
  EXPECT_LT(apart, stays / 50);
}

TEST(TripModelTest, PartitionsAndIdsAsRequested) {
  std::set<std::string> partitions, numbers;
  for (const Trip& trip : MakeTrips({.rows = 2000,
                          .users = 2000,
                          .hex_digits = 1,
                          .begin_us = kEnd - 13 * kWeek,
                          .end_us = kEnd})) {
    partitions.insert(trip.user.substr(0, 4));
  }
  EXPECT_THAT(partitions, SizeIs(16));
  for (const Trip& trip : MakeTrips({.rows = 2000,
                          .users = 50,
                          .ids = TripUserIds::kNumber,
                          .begin_us = kEnd - 13 * kWeek,
                          .end_us = kEnd})) {
    EXPECT_EQ(trip.user.substr(0, 5), "user-");
    numbers.insert(trip.user);
  }
  EXPECT_THAT(numbers, SizeIs(50));
}

TEST(TripModelTest, DaysAreBusierThanNights) {
  uint64_t by_hour[24] = {};
  for (const Trip& trip :
       MakeTrips({.rows = 50'000, .users = 2000, .begin_us = kEnd - 13 * kWeek, .end_us = kEnd})) {
    ++by_hour[trip.start / (int64_t{3600} * 1'000'000) % 24];
  }
  EXPECT_GT(by_hour[17], 8 * by_hour[3]);
  EXPECT_GT(by_hour[3], 0u);
}

}  // namespace
}  // namespace millrace
