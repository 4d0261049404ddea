#include "connectors/mixpanel/request_split.h"

#include <gtest/gtest.h>

namespace millrace::mixpanel {
namespace {

// Rows of the given sizes, line ends included.
Batch RowsOf(std::initializer_list<size_t> sizes) {
  Batch batch;
  for (const size_t size : sizes) {
    batch.bytes.Append(std::string(size - 1, 'x'));
    batch.EndRow(batch.rows());
  }
  return batch;
}

TEST(FirstRequest, EndsAtTheMostRows) {
  const Batch batch = RowsOf({10, 10, 10, 10, 10});
  EXPECT_EQ(FirstRequest(batch, {0, 5}, {.rows = 2, .bytes = 1000}), (RowRange{0, 2}));
  EXPECT_EQ(FirstRequest(batch, {2, 5}, {.rows = 2, .bytes = 1000}), (RowRange{2, 4}));
  EXPECT_EQ(FirstRequest(batch, {4, 5}, {.rows = 2, .bytes = 1000}), (RowRange{4, 5}));
}

TEST(FirstRequest, EndsBeforeTheMostBytes) {
  const Batch batch = RowsOf({10, 20, 30, 40});
  EXPECT_EQ(FirstRequest(batch, {0, 4}, {.rows = 100, .bytes = 60}), (RowRange{0, 3}));
  EXPECT_EQ(FirstRequest(batch, {0, 4}, {.rows = 100, .bytes = 59}), (RowRange{0, 2}));
  EXPECT_EQ(FirstRequest(batch, {1, 4}, {.rows = 100, .bytes = 50}), (RowRange{1, 3}));
}

TEST(FirstRequest, StaysWithinTheRange) {
  const Batch batch = RowsOf({10, 10, 10, 10});
  EXPECT_EQ(FirstRequest(batch, {0, 2}, {.rows = 100, .bytes = 1000}), (RowRange{0, 2}));
}

TEST(FirstRequest, LetsARowThatIsTooLargeGoAlone) {
  const Batch batch = RowsOf({100, 10});
  EXPECT_EQ(FirstRequest(batch, {0, 2}, {.rows = 100, .bytes = 50}), (RowRange{0, 1}));
  EXPECT_EQ(FirstRequest(batch, {0, 2}, {.rows = 0, .bytes = 0}), (RowRange{0, 1}));
}

TEST(FirstRequest, CountsWhatIsAddedToEachRow) {
  const Batch batch = RowsOf({10, 10, 10});
  EXPECT_EQ(FirstRequest(batch, {0, 3}, {.rows = 100, .bytes = 30, .added_row_bytes = 5}),
            (RowRange{0, 2}));
}

TEST(Bytes, AreTheRowsWithTheirLineEnds) {
  Batch batch;
  for (const char* row : {"a", "bb", "ccc"}) {
    batch.bytes.Append(row);
    batch.EndRow(0);
  }
  EXPECT_EQ(Bytes(batch, {0, 3}), "a\nbb\nccc\n");
  EXPECT_EQ(Bytes(batch, {1, 2}), "bb\n");
}

TEST(Halves, CoverTheRange) {
  EXPECT_EQ(Halves({4, 6}), (std::pair<RowRange, RowRange>{{4, 5}, {5, 6}}));
  EXPECT_EQ(Halves({4, 9}), (std::pair<RowRange, RowRange>{{4, 6}, {6, 9}}));
}

TEST(LimitAfterTooLarge, GoesToTwoMegabytesThenHalves) {
  EXPECT_EQ(LimitAfterTooLarge(9'600'000, 0), 2'000'000u);
  EXPECT_EQ(LimitAfterTooLarge(2'000'000, 0), 1'000'000u);
  EXPECT_EQ(LimitAfterTooLarge(100'000, 0), kMinBytesLimit);
}

TEST(LimitAfterTooLarge, BelievesASensibleNamedLimit) {
  EXPECT_EQ(LimitAfterTooLarge(9'600'000, 2'097'152), 2'097'152u);
  EXPECT_EQ(LimitAfterTooLarge(9'600'000, 10'485'760), 2'000'000u);  // it was within that
  EXPECT_EQ(LimitAfterTooLarge(9'600'000, 1), kMinBytesLimit);
}

}  // namespace
}  // namespace millrace::mixpanel
