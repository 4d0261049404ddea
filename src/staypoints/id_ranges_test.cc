#include "staypoints/id_ranges.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "staypoints/user_prefix.h"

namespace millrace {
namespace {

std::string PartitionOf(const std::string& id) {
  const UserPrefix prefix = PrefixOf(id);
  return std::string(prefix.p1) + std::string(prefix.p2);
}

// Ranges follow the order of ids, and partitions are cut only where the ranges say so.
void ExpectConsistent(const IdRanges& ranges, std::vector<std::string> ids) {
  std::sort(ids.begin(), ids.end());
  for (size_t i = 0; i < ids.size(); ++i) {
    const size_t range = ranges.Find(ids[i]);
    ASSERT_LT(range, ranges.count());
    if (i == 0) continue;
    const size_t before = ranges.Find(ids[i - 1]);
    ASSERT_LE(before, range) << ids[i - 1] << " " << ids[i];
    if (before == range || PartitionOf(ids[i - 1]) != PartitionOf(ids[i])) continue;
    for (size_t border = before + 1; border <= range; ++border) {
      EXPECT_TRUE(ranges.BeginsInsidePartition(border)) << ids[i];
    }
  }
}

std::vector<std::string> RandomIds(size_t count, const std::string& prefix, size_t length) {
  std::mt19937_64 random(7);
  std::vector<std::string> ids;
  for (size_t i = 0; i < count; ++i) {
    std::string id = prefix;
    while (id.size() < length) id += "0123456789abcdef"[random() % 16];
    ids.push_back(id);
  }
  return ids;
}

TEST(IdRangesTest, SplitsUniformIdsIntoEqualRangesBetweenPartitions) {
  const std::vector<std::string> ids = RandomIds(20000, "", 36);
  const IdRanges ranges(ids, 64);
  EXPECT_EQ(ranges.count(), 64u);
  std::vector<size_t> sizes(ranges.count());
  for (const std::string& id : ids) ++sizes[ranges.Find(id)];
  EXPECT_LT(*std::max_element(sizes.begin(), sizes.end()), 2 * 20000 / 64u);
  for (size_t range = 1; range < ranges.count(); ++range) {
    EXPECT_FALSE(ranges.BeginsInsidePartition(range));
  }
  ExpectConsistent(ranges, ids);
}

TEST(IdRangesTest, SplitsInsideAPartitionThatContainsEverything) {
  const std::vector<std::string> ids = RandomIds(20000, "user_00000", 20);
  const IdRanges ranges(ids, 64);
  EXPECT_GE(ranges.count(), 60u);
  EXPECT_TRUE(ranges.BeginsInsidePartition(10));
  ExpectConsistent(ranges, ids);
}

TEST(IdRangesTest, HotUsersUnicodeAndOutliersKeepTheOrder) {
  std::vector<std::string> ids = RandomIds(1000, "user_", 12);
  ids.insert(ids.end(), 5000, "user_hot");
  for (const char* const id :
       {"", "a", "zz", "日本語", "😀", "us", "use", "user", "user_", "\x7f"}) {
    ids.emplace_back(id);
  }
  ExpectConsistent(IdRanges(ids, 32), ids);
}

TEST(IdRangesTest, WithoutASampleThereIsOneRange) {
  EXPECT_EQ(IdRanges({}, 64).count(), 1u);
  EXPECT_EQ(IdRanges({}, 64).Find("anything"), 0u);
  const IdRanges one(std::vector<std::string>(100, "same"), 64);
  EXPECT_LE(one.count(), 2u);
}

}  // namespace
}  // namespace millrace
