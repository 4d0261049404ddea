#include "pipeline/row_group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace millrace {
namespace {

using testing::ElementsAre;

Batch BatchOf(const std::vector<uint64_t>& source_rows) {
  Batch batch;
  for (const uint64_t row : source_rows) {
    batch.bytes.Append("{}");
    batch.EndRow(row);
  }
  return batch;
}

std::vector<RowRange> GroupsOf(const Batch& batch, const std::vector<BatchSpan>& spans) {
  std::vector<RowRange> groups;
  RowGroups walk(batch, spans);
  for (RowRange group = walk.Next(); group.size() > 0; group = walk.Next()) groups.push_back(group);
  return groups;
}

TEST(RowGroups, RowsOfOneSourceRowAreOneGroup) {
  const Batch batch = BatchOf({0, 0, 1, 3, 3, 3});
  EXPECT_THAT(GroupsOf(batch, {{.rows = 6}}),
              ElementsAre(RowRange{0, 2}, RowRange{2, 3}, RowRange{3, 6}));
}

TEST(RowGroups, EqualNumbersInTwoObjectsAreTwoRows) {
  const Batch batch = BatchOf({0, 0, 0, 0});
  EXPECT_THAT(GroupsOf(batch, {{.rows = 1}, {.first = 1, .rows = 0}, {.first = 1, .rows = 3}}),
              ElementsAre(RowRange{0, 1}, RowRange{1, 4}));
}

TEST(RowGroups, WithoutSpansEachRowStandsAlone) {
  EXPECT_THAT(GroupsOf(BatchOf({5, 5}), {}), ElementsAre(RowRange{0, 1}, RowRange{1, 2}));
  EXPECT_THAT(GroupsOf(BatchOf({}), {}), ElementsAre());
}

TEST(RefuseGroup, NamesTheRowToBlame) {
  std::vector<RefusedRow> refused;
  RefuseGroup({2, 5}, {.row = 3, .code = "bad", .field = "f", .message = "no"}, refused);
  ASSERT_EQ(refused.size(), 3u);
  EXPECT_EQ(refused[0].row, 2u);
  EXPECT_EQ(refused[0].code, "sibling_rejected");
  EXPECT_EQ(refused[1].code, "bad");
  EXPECT_EQ(refused[1].field, "f");
  EXPECT_EQ(refused[2].row, 4u);
}

}  // namespace
}  // namespace millrace
