#include "iceberg/time_range.h"

#include <gtest/gtest.h>

#include <cstring>

namespace millrace {
namespace {

constexpr int64_t kHour = int64_t{3600} * 1'000'000;
constexpr int64_t kDay = 24 * kHour;

PartitionValue Number(int64_t value) { return {.is_null = false, .integer = value}; }

std::string Stored(int64_t value) { return {reinterpret_cast<const char*>(&value), sizeof value}; }

TEST(TimeRangeTest, HoursOfARange) {
  const TimeRange range = {.from = 10 * kHour, .to = 12 * kHour};
  EXPECT_FALSE(MayHold(range, "hour", Number(9)));
  EXPECT_TRUE(MayHold(range, "hour", Number(10)));
  EXPECT_TRUE(MayHold(range, "hour", Number(11)));
  EXPECT_FALSE(MayHold(range, "hour", Number(12)));  // the end is not part of it
  EXPECT_TRUE(MayHold({.from = 10 * kHour, .to = 12 * kHour + 1}, "hour", Number(12)));
  EXPECT_TRUE(MayHold({.from = 10 * kHour}, "hour", Number(99)));
  EXPECT_FALSE(MayHold({.to = 10 * kHour}, "hour", Number(10)));
}

TEST(TimeRangeTest, OtherTransforms) {
  const TimeRange range = {.from = 40 * kDay, .to = 41 * kDay};  // 1970-02-10
  EXPECT_TRUE(MayHold(range, "day", Number(40)));
  EXPECT_FALSE(MayHold(range, "day", Number(41)));
  EXPECT_TRUE(MayHold(range, "month", Number(1)));
  EXPECT_FALSE(MayHold(range, "month", Number(0)));
  EXPECT_TRUE(MayHold(range, "year", Number(0)));
  EXPECT_FALSE(MayHold(range, "year", Number(1)));
  EXPECT_TRUE(MayHold(range, "identity", Number(40 * kDay)));
  EXPECT_FALSE(MayHold(range, "identity", Number(41 * kDay)));
  EXPECT_TRUE(MayHold(range, "bucket[16]", Number(3)));
  EXPECT_TRUE(MayHold(range, "void", PartitionValue()));
  EXPECT_FALSE(MayHold(range, "hour", PartitionValue()));
}

TEST(TimeRangeTest, BeforeTheEpoch) {
  // -90 minutes lie in hour -2; old writers called it -1.
  const TimeRange range = {.from = -2 * kHour, .to = -kHour};
  EXPECT_TRUE(MayHold(range, "hour", Number(-2)));
  EXPECT_TRUE(MayHold(range, "hour", Number(-1)));
  EXPECT_FALSE(MayHold(range, "hour", Number(0)));
  EXPECT_FALSE(MayHold(range, "hour", Number(-3)));
}

TEST(TimeRangeTest, BoundsOfFilesAndManifests) {
  const std::vector<IcebergPartitionField> spec = {
      {.source_id = 2, .name = "h", .transform = "hour"}};
  const TimeRange range = {.from = 10 * kHour, .to = 12 * kHour};
  ManifestEntry entry;
  entry.partition = {Number(11)};
  EXPECT_TRUE(MayHold(range, 2, spec, entry));
  entry.upper_bounds[2] = Stored(10 * kHour - 1);
  EXPECT_FALSE(MayHold(range, 2, spec, entry));
  entry.upper_bounds[2] = Stored(10 * kHour);
  entry.lower_bounds[2] = Stored(0);
  EXPECT_TRUE(MayHold(range, 2, spec, entry));
  entry.lower_bounds[2] = entry.upper_bounds[2] = Stored(12 * kHour);
  EXPECT_FALSE(MayHold(range, 2, spec, entry));
  entry.lower_bounds[2] = entry.upper_bounds[2] = "odd";
  EXPECT_TRUE(MayHold(range, 2, spec, entry));

  ManifestInfo manifest;
  EXPECT_TRUE(MayHold(range, 2, spec, manifest));
  const auto hour = [](int32_t value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof value);
  };
  manifest.partitions = {{hour(3), hour(9)}};
  EXPECT_FALSE(MayHold(range, 2, spec, manifest));
  manifest.partitions = {{hour(3), hour(10)}};
  EXPECT_TRUE(MayHold(range, 2, spec, manifest));
  EXPECT_TRUE(MayHold(range, 3, spec, manifest));  // of another column
}

TEST(TimeRangeTest, OnlyStatisticsShowThatAllRowsOfAFileAreRequested) {
  const TimeRange range = {.from = 10 * kHour, .to = 12 * kHour};
  ManifestEntry entry;
  EXPECT_FALSE(HoldsOnly(range, 2, entry));
  entry.lower_bounds[2] = Stored(10 * kHour);
  entry.upper_bounds[2] = Stored(12 * kHour - 1);
  EXPECT_FALSE(HoldsOnly(range, 2, entry));  // some times may be null
  entry.null_counts[2] = 0;
  EXPECT_TRUE(HoldsOnly(range, 2, entry));
  entry.null_counts[2] = 1;
  EXPECT_FALSE(HoldsOnly(range, 2, entry));
  entry.null_counts[2] = 0;
  entry.upper_bounds[2] = Stored(12 * kHour);
  EXPECT_FALSE(HoldsOnly(range, 2, entry));
  EXPECT_TRUE(HoldsOnly({.from = 10 * kHour}, 2, entry));
  entry.lower_bounds[2] = Stored(10 * kHour - 1);
  EXPECT_FALSE(HoldsOnly({.from = 10 * kHour}, 2, entry));
}

}  // namespace
}  // namespace millrace
