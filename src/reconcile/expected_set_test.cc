#include "reconcile/expected_set.h"

namespace millrace {
namespace {

Fingerprint Ours(uint64_t id, uint64_t row, bool optional = false) {
  return {.id = {id, id}, .row = row, .optional = optional ? 1u : 0u};
}

Hash128 Id(uint64_t id) { return {id, id}; }

std::vector<uint64_t> MissingRows(ExpectedSet set) {
  std::vector<uint64_t> rows;
  for (const Fingerprint& one : std::move(set).TakeMissing()) rows.push_back(one.row);
  return rows;
}

TEST(ExpectedSet, CountsFoundMissingDuplicateAndUnexpected) {
  ExpectedSet set({Ours(7, 0), Ours(3, 1), Ours(5, 2)});
  EXPECT_TRUE(set.Mark(Id(3)));
  EXPECT_TRUE(set.Mark(Id(3)));
  EXPECT_TRUE(set.Mark(Id(7)));
  EXPECT_FALSE(set.Mark(Id(4)));
  EXPECT_FALSE(set.Mark(Id(9)));
  EXPECT_EQ(set.counts().expected, 3u);
  EXPECT_EQ(set.counts().found, 2u);
  EXPECT_EQ(set.counts().missing(), 1u);
  EXPECT_EQ(set.counts().duplicates, 1u);
  EXPECT_EQ(set.counts().unexpected, 2u);
  EXPECT_EQ(MissingRows(std::move(set)), (std::vector<uint64_t>{2}));
}

TEST(ExpectedSet, RowsWithOneIdentityCountOnceForTheFirst) {
  ExpectedSet set({Ours(3, 8), Ours(3, 2), Ours(3, 5)});
  EXPECT_EQ(set.counts().expected, 1u);
  EXPECT_EQ(MissingRows(std::move(set)), (std::vector<uint64_t>{2}));
}

TEST(ExpectedSet, OptionalRowsAreNeitherMissingNorUnexpected) {
  ExpectedSet set({Ours(3, 0, true), Ours(4, 1, true)});
  EXPECT_TRUE(set.Mark(Id(3)));
  EXPECT_TRUE(set.Mark(Id(3)));
  EXPECT_EQ(set.counts().expected, 0u);
  EXPECT_EQ(set.counts().found, 0u);
  EXPECT_EQ(set.counts().duplicates, 0u);
  EXPECT_EQ(set.counts().unexpected, 0u);
  EXPECT_THAT(MissingRows(std::move(set)), testing::IsEmpty());
}

TEST(ExpectedSet, AnExpectedRowWinsOverAnOptionalOneWithItsIdentity) {
  ExpectedSet set({Ours(3, 0, true), Ours(3, 1)});
  EXPECT_EQ(set.counts().expected, 1u);
  EXPECT_EQ(MissingRows(std::move(set)), (std::vector<uint64_t>{1}));
}

TEST(ExpectedSet, ResetClearsMarks) {
  ExpectedSet set({Ours(3, 0)});
  set.Mark(Id(3));
  set.Mark(Id(4));
  set.Reset();
  EXPECT_EQ(set.counts().found, 0u);
  EXPECT_EQ(set.counts().unexpected, 0u);
  EXPECT_EQ(MissingRows(std::move(set)), (std::vector<uint64_t>{0}));
}

TEST(ExpectedSet, MissingRowsAreInOrderOfObjectAndRow) {
  Fingerprint other = Ours(1, 0);
  other.object = 2;
  ExpectedSet set({other, Ours(9, 4), Ours(5, 6)});
  EXPECT_EQ(MissingRows(std::move(set)), (std::vector<uint64_t>{4, 6, 0}));
}

}  // namespace
}  // namespace millrace
