#include "pipeline/settled_ranges.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace millrace {
namespace {

class SettledRangesTest : public testing::Test {
 protected:
  // A span of the rows that came from these source rows.
  void AddSpan(uint64_t begin, uint64_t end, const std::vector<uint64_t>& source_rows) {
    spans_.push_back({.object = &key_,
                      .writer = &writer_,
                      .first = batch_.rows(),
                      .rows = source_rows.size(),
                      .begin_row = begin,
                      .end_row = end});
    for (const uint64_t row : source_rows) {
      batch_.bytes.Append("{}");
      batch_.EndRow(row);
    }
  }
  static std::vector<RefusedRow> Refused(const std::vector<size_t>& rows) {
    std::vector<RefusedRow> refused;
    for (const size_t row : rows) refused.emplace_back().row = row;
    return refused;
  }
  std::vector<SettledRange> Settled(const std::vector<size_t>& refused,
                                    const std::vector<size_t>& fenced = {}) {
    return SettledRanges(batch_, spans_, Refused(refused), fenced);
  }
  std::vector<SettledRange> Witness(const std::vector<size_t>& refused,
                                    const std::vector<size_t>& fenced = {}) {
    return Witnesses(batch_, spans_, Refused(refused), fenced);
  }
  using Ranges = std::vector<SettledRange>;

  const LedgerKey key_{"o", "v", "c", "d"};
  const std::string writer_ = "w";
  Batch batch_;
  std::vector<BatchSpan> spans_;
};

TEST_F(SettledRangesTest, RefusedSourceRowsAreLeftOut) {
  AddSpan(10, 20, {11, 12, 12, 14, 19});
  EXPECT_EQ(Settled({}), (Ranges{{0, 10, 20}}));
  EXPECT_EQ(Settled({0}), (Ranges{{0, 10, 11}, {0, 12, 20}}));
  EXPECT_EQ(Settled({1, 2}), (Ranges{{0, 10, 12}, {0, 13, 20}}));
  EXPECT_EQ(Settled({4}), (Ranges{{0, 10, 19}}));
  EXPECT_EQ(Settled({0, 1, 2, 3, 4}), (Ranges{{0, 10, 11}, {0, 13, 14}, {0, 15, 19}}));
}

TEST_F(SettledRangesTest, SpansAreApart) {
  AddSpan(0, 2, {0, 1});
  AddSpan(0, 3, {0});
  AddSpan(5, 5, {});
  AddSpan(7, 9, {8});
  EXPECT_EQ(Settled({}), (Ranges{{0, 0, 2}, {1, 0, 3}, {3, 7, 9}}));
  EXPECT_EQ(Settled({2, 3}), (Ranges{{0, 0, 2}, {1, 1, 3}, {3, 7, 8}}));
  EXPECT_EQ(Settled({0, 3}, {0, 1}), (Ranges{{3, 7, 8}}));
}

TEST_F(SettledRangesTest, AWitnessIsARowThatIsThere) {
  AddSpan(0, 9, {3, 3, 5});
  AddSpan(0, 9, {});
  AddSpan(0, 9, {0});
  EXPECT_EQ(Witness({}), (Ranges{{0, 3, 4}, {2, 0, 1}}));
  EXPECT_EQ(Witness({0, 1}), (Ranges{{0, 5, 6}, {2, 0, 1}}));
  EXPECT_EQ(Witness({0, 1, 2}), (Ranges{{2, 0, 1}}));
  EXPECT_EQ(Witness({0, 1}, {0}), (Ranges{{2, 0, 1}}));
  EXPECT_EQ(Witness({0, 1, 2, 3}), Ranges());
}

}  // namespace
}  // namespace millrace
