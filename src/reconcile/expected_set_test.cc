#include "reconcile/expected_set.h"

namespace millrace {
namespace {

using Match = ExpectedSet::Match;

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
  ExpectedSet set({Ours(7, 0), Ours(3, 1), Ours(5, 2)}, Repeats::kOnce);
  EXPECT_EQ(set.Mark(Id(3)), Match::kOurs);
  EXPECT_EQ(set.Mark(Id(3)), Match::kDuplicate);
  EXPECT_EQ(set.Mark(Id(7)), Match::kOurs);
  EXPECT_EQ(set.Mark(Id(4)), Match::kUnexpected);
  EXPECT_EQ(set.Mark(Id(9)), Match::kUnexpected);
  EXPECT_EQ(set.counts().expected, 3u);
  EXPECT_EQ(set.counts().found, 2u);
  EXPECT_EQ(set.counts().missing(), 1u);
  EXPECT_EQ(set.counts().duplicates, 1u);
  EXPECT_EQ(set.counts().unexpected, 2u);
  EXPECT_EQ(MissingRows(std::move(set)), (std::vector<uint64_t>{2}));
}

TEST(ExpectedSet, RowsWithOneIdentityCountOnceForTheFirst) {
  ExpectedSet set({Ours(3, 8), Ours(3, 2), Ours(3, 5)}, Repeats::kOnce);
  EXPECT_EQ(set.counts().expected, 1u);
  EXPECT_EQ(MissingRows(std::move(set)), (std::vector<uint64_t>{2}));
}

TEST(ExpectedSet, EachRowWithOneIdentityIsExpectedWhereRepeatsAreKept) {
  ExpectedSet set({Ours(3, 8), Ours(3, 2), Ours(3, 5), Ours(4, 1)}, Repeats::kEach);
  EXPECT_EQ(set.counts().expected, 4u);
  EXPECT_EQ(set.Mark(Id(3)), Match::kOurs);
  EXPECT_EQ(set.counts().missing(), 3u);
  EXPECT_EQ(set.Mark(Id(3)), Match::kOurs);
  EXPECT_EQ(set.counts().duplicates, 0u);
  EXPECT_EQ(MissingRows(std::move(set)), (std::vector<uint64_t>{1, 8}));
}

TEST(ExpectedSet, ACopyMoreThanThereAreRowsIsADuplicate) {
  ExpectedSet set({Ours(3, 0), Ours(3, 1), Ours(3, 2, true)}, Repeats::kEach);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(set.Mark(Id(3)), Match::kOurs) << i;
  EXPECT_EQ(set.Mark(Id(3)), Match::kDuplicate);
  EXPECT_EQ(set.counts().expected, 2u);
  EXPECT_EQ(set.counts().found, 2u);
  EXPECT_EQ(set.counts().duplicates, 1u);
}

TEST(ExpectedSet, ManyRowsWithOneIdentityAreQuick) {
  constexpr uint64_t kRows = 300'000;
  std::vector<Fingerprint> rows;
  for (uint64_t row = 0; row < kRows; ++row) rows.push_back(Ours(3, row));
  ExpectedSet set(std::move(rows), Repeats::kEach);
  for (uint64_t row = 0; row < kRows; ++row) ASSERT_EQ(set.Mark(Id(3)), Match::kOurs);
  EXPECT_EQ(set.counts().missing(), 0u);
}

TEST(ExpectedSet, OptionalRowsAreNeitherMissingNorUnexpected) {
  ExpectedSet set({Ours(3, 0, true), Ours(4, 1, true)}, Repeats::kOnce);
  EXPECT_EQ(set.Mark(Id(3)), Match::kOurs);
  EXPECT_EQ(set.Mark(Id(3)), Match::kOurs);
  EXPECT_EQ(set.counts().expected, 0u);
  EXPECT_EQ(set.counts().found, 0u);
  EXPECT_EQ(set.counts().duplicates, 0u);
  EXPECT_EQ(set.counts().unexpected, 0u);
  EXPECT_THAT(MissingRows(std::move(set)), testing::IsEmpty());
}

TEST(ExpectedSet, AnExpectedRowWinsOverAnOptionalOneWithItsIdentity) {
  ExpectedSet set({Ours(3, 0, true), Ours(3, 1)}, Repeats::kOnce);
  EXPECT_EQ(set.counts().expected, 1u);
  EXPECT_EQ(MissingRows(std::move(set)), (std::vector<uint64_t>{1}));
}

TEST(ExpectedSet, ResetClearsMarks) {
  ExpectedSet set({Ours(3, 0)}, Repeats::kOnce);
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
  ExpectedSet set({other, Ours(9, 4), Ours(5, 6)}, Repeats::kOnce);
  EXPECT_EQ(MissingRows(std::move(set)), (std::vector<uint64_t>{4, 6, 0}));
}

}  // namespace
}  // namespace millrace
