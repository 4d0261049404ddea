#include "plan/plan_estimate.h"

#include <gtest/gtest.h>

#include "plan/plan.h"

namespace millrace {
namespace {

TEST(RowsFromTest, MetadataIsExact) {
  const RowEstimate estimate =
      RowsFrom({.object_bytes = 100, .known_rows = 1000, .rows_before = 300, .rows = 50});
  EXPECT_EQ(estimate.rows, 700);
  EXPECT_TRUE(estimate.exact);
}

TEST(RowsFromTest, AnObjectReadToItsEndIsExact) {
  const RowEstimate estimate =
      RowsFrom({.object_bytes = 100, .rows = 50, .ended = true, .rows_per_byte = 1});
  EXPECT_EQ(estimate.rows, 50);
  EXPECT_TRUE(estimate.exact);
}

TEST(RowsFromTest, OthersAreEstimatedByBytes) {
  const RowEstimate estimate =
      RowsFrom({.object_bytes = 10'000, .rows = 100, .rows_per_byte = 0.1});
  EXPECT_EQ(estimate.rows, 1'000);
  EXPECT_FALSE(estimate.exact);
}

TEST(RowsFromTest, RowsBeforeTheSampleDoNotCount) {
  EXPECT_EQ(
      RowsFrom({.object_bytes = 10'000, .rows_before = 400, .rows = 100, .rows_per_byte = 0.1})
          .rows,
      600);
}

TEST(RowsFromTest, NeverFewerThanWereRead) {
  EXPECT_EQ(RowsFrom({.object_bytes = 10, .rows = 100, .rows_per_byte = 0.1}).rows, 100);
}

TEST(RowDensityTest, PositionsInPlainTextAreExact) {
  RowDensity density(false);
  EXPECT_EQ(density.rows_per_byte(), 0);
  density.Measure(100, 1'000, 65'536);
  density.Measure(200, 2'000, 65'536);
  EXPECT_EQ(density.rows_per_byte(), 0.1);
}

TEST(RowDensityTest, CompressedTextIsMeasuredBetweenReads) {
  // 10 bytes per row; each read of 1,000 bytes happens when the one before is consumed.
  RowDensity density(true);
  density.Measure(10, 0, 1'000);
  for (uint64_t rows = 20; rows <= 1'050; rows += 10) {
    density.Measure(rows, 0, 1'000 * (rows / 100 + 1));
  }
  EXPECT_NEAR(density.rows_per_byte(), 0.1, 0.01);
}

TEST(RowDensityTest, OneReadIsMeasuredFromTheBeginning) {
  RowDensity density(true);
  density.Measure(100, 5'000, 1'000);
  density.Measure(200, 10'000, 1'000);
  EXPECT_EQ(density.rows_per_byte(), 0.1);
}

TEST(SecondsAtQuotaTest, TheTighterQuotaCounts) {
  const Amounts amounts{.events = 300, .bytes = 1'000};
  EXPECT_EQ(SecondsAtQuota(amounts, 100, 1'000), 3);
  EXPECT_EQ(SecondsAtQuota(amounts, 1'000, 100), 10);
  EXPECT_EQ(SecondsAtQuota(amounts, 0, 0), 0);
}

TEST(PeakMemoryTest, StaysWithinTheMemoryOfRowsInFlightUnlessOneChunkIsLarger) {
  RunOptions run;
  run.max_writes = 4;
  run.max_bytes = 10'000'000;
  const uint64_t fixed = PeakMemory(run, 0);
  EXPECT_EQ(PeakMemory(run, 1'000'000), fixed + 4'000'000);
  EXPECT_EQ(PeakMemory(run, 5'000'000), fixed + 10'000'000);
  EXPECT_EQ(PeakMemory(run, 50'000'000), fixed + 50'000'000);
}

}  // namespace
}  // namespace millrace
