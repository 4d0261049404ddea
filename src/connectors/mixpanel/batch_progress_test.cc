#include "connectors/mixpanel/batch_progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace millrace::mixpanel {
namespace {

using ::testing::ElementsAre;

Batch BatchOf(size_t rows, uint64_t first_source_row = 0) {
  Batch batch;
  for (size_t i = 0; i < rows; ++i) {
    batch.bytes.Append(std::to_string(i));
    batch.EndRow(first_source_row + i);
  }
  return batch;
}

std::vector<size_t> Rows(const std::vector<RefusedRow>& refused) {
  std::vector<size_t> rows;
  for (const RefusedRow& row : refused) rows.push_back(row.row);
  return rows;
}

TEST(BatchProgress, BeginsWithAllRows) {
  BatchProgress progress(/*in_order=*/false);
  progress.Begin(BatchOf(4));
  EXPECT_EQ(progress.next(), (RowRange{0, 4}));
  EXPECT_FALSE(progress.finished());
}

TEST(BatchProgress, HasNothingToDoForAnEmptyBatch) {
  BatchProgress progress(/*in_order=*/false);
  progress.Begin(Batch());
  EXPECT_TRUE(progress.finished());
}

TEST(BatchProgress, CountsRefusedRowsFromTheBatchsFirst) {
  BatchProgress progress(/*in_order=*/false);
  progress.Begin(BatchOf(6));
  progress.Complete({0, 3}, {{.row = 1}});
  progress.Refuse({3, 4}, "code", "message");
  progress.Complete({4, 6}, {{.row = 0}});
  EXPECT_TRUE(progress.finished());
  const std::vector<RefusedRow> refused = progress.Finish();
  EXPECT_THAT(Rows(refused), ElementsAre(1, 3, 4));
  EXPECT_EQ(refused[1].code, "code");
  EXPECT_EQ(refused[1].message, "message");
}

TEST(BatchProgress, SplitsTheFrontAndKeepsTheOrder) {
  BatchProgress progress(/*in_order=*/false);
  progress.Begin(BatchOf(6));
  progress.Split({0, 4});
  EXPECT_EQ(progress.next(), (RowRange{0, 2}));
  progress.Complete({0, 2}, {});
  EXPECT_EQ(progress.next(), (RowRange{2, 4}));
  progress.Split({2, 4});
  progress.Complete({2, 3}, {});
  progress.Complete({3, 4}, {});
  EXPECT_EQ(progress.next(), (RowRange{4, 6}));
}

TEST(BatchProgress, GoesOnWithABatchThatWasPutAside) {
  BatchProgress progress(/*in_order=*/false);
  const Batch batch = BatchOf(4);
  progress.Begin(batch);
  progress.Complete({0, 2}, {{.row = 1}});
  progress.PutAside(batch);
  progress.Begin(BatchOf(4));  // elsewhere in memory, the same content
  EXPECT_EQ(progress.next(), (RowRange{2, 4}));
  progress.PutAside(batch);  // again, without having moved
  progress.Begin(batch);
  EXPECT_EQ(progress.next(), (RowRange{2, 4}));
  progress.Complete({2, 4}, {});
  EXPECT_THAT(Rows(progress.Finish()), ElementsAre(1));
  progress.Begin(batch);
  EXPECT_EQ(progress.next(), (RowRange{0, 4}));
}

TEST(BatchProgress, BeginsAnotherBatchAnewAtTheSameAddress) {
  BatchProgress progress(/*in_order=*/false);
  Batch batch = BatchOf(4);
  progress.Begin(batch);
  progress.Complete({0, 2}, {{.row = 0}});
  progress.PutAside(batch);
  batch = BatchOf(4, /*first_source_row=*/100);  // equal rows from elsewhere
  progress.Begin(batch);
  EXPECT_EQ(progress.next(), (RowRange{0, 4}));
  EXPECT_TRUE(progress.Finish().empty());
}

TEST(BatchProgress, ForgetsABatchOnceAnotherCameBetween) {
  BatchProgress progress(/*in_order=*/false);
  const Batch batch = BatchOf(4);
  progress.Begin(batch);
  progress.Complete({0, 2}, {});
  progress.PutAside(batch);
  progress.Begin(BatchOf(3));
  progress.Begin(batch);
  EXPECT_EQ(progress.next(), (RowRange{0, 4}));
}

// Sends the batch to a destination that refuses requests with a bad row and names none; returns how
// many requests that took.
int SendAll(BatchProgress& progress, const std::vector<bool>& bad) {
  progress.Begin(BatchOf(bad.size()));
  int requests = 0;
  while (!progress.finished() && !progress.refused_whole()) {
    const RowRange rows = progress.next();
    ++requests;
    const auto begin = bad.begin();
    if (std::count(begin + rows.begin, begin + rows.end, true) > 0) {
      progress.SearchRefused(rows, "no");
    } else {
      progress.Complete(rows, {});
    }
  }
  return requests;
}

TEST(BatchProgress, FindsABadRowAmongGoodOnesInLogarithmicallyManyRequests) {
  for (const bool in_order : {false, true}) {
    BatchProgress progress(in_order);
    for (const size_t row : {size_t{0}, size_t{777}, size_t{1999}}) {
      std::vector<bool> bad(2000, false);
      bad[row] = true;
      EXPECT_LE(SendAll(progress, bad), 1 + 2 * 11) << row;
      EXPECT_FALSE(progress.refused_whole());
      EXPECT_THAT(Rows(progress.Finish()), ElementsAre(row));
    }
  }
}

TEST(BatchProgress, FindsADozenBadRowsWithinItsBound) {
  for (const bool in_order : {false, true}) {
    BatchProgress progress(in_order);
    std::vector<bool> bad(2000, false);
    std::vector<size_t> rows;
    for (size_t i = 0; i < 12; ++i) rows.push_back(i * 167);
    for (const size_t row : rows) bad[row] = true;
    EXPECT_LE(SendAll(progress, bad), 1 + BatchProgress::kMaxSearchRequests);
    EXPECT_FALSE(progress.refused_whole());
    EXPECT_EQ(Rows(progress.Finish()), rows);
  }
}

TEST(BatchProgress, BoundsTheSearchPerBatch) {
  std::vector<bool> bad(2000);
  for (size_t row = 0; row < bad.size(); ++row) bad[row] = row % 9 == 0;
  for (const bool in_order : {false, true}) {
    BatchProgress progress(in_order);
    for (int batch = 0; batch < 2; ++batch) {
      EXPECT_LE(SendAll(progress, bad), 1 + BatchProgress::kMaxSearchRequests);
      EXPECT_FALSE(progress.refused_whole());
      EXPECT_GE(progress.Finish().size(), 223u);
    }
  }
}

TEST(BatchProgress, ABatchOfWhichAllIsRefusedInTheSameWordsIsSoon) {
  BatchProgress progress(/*in_order=*/false);
  EXPECT_EQ(SendAll(progress, std::vector<bool>(2000, true)), BatchProgress::kMaxRefusals);
  EXPECT_TRUE(progress.refused_whole());
  EXPECT_EQ(progress.words(), "no");
  EXPECT_EQ(SendAll(progress, std::vector<bool>(3, true)), 5);
  EXPECT_TRUE(progress.refused_whole());
  EXPECT_EQ(SendAll(progress, {true}), 1);
  EXPECT_TRUE(progress.refused_whole());
}

TEST(BatchProgress, OneGoodRowInFourIsFoundBeforeABatchCountsAsRefused) {
  std::vector<bool> bad(2000);
  for (size_t row = 0; row < bad.size(); ++row) bad[row] = row % 4 != 0;
  BatchProgress progress(/*in_order=*/false);
  SendAll(progress, bad);
  EXPECT_FALSE(progress.refused_whole());
}

TEST(BatchProgress, RowsRefusedInDifferentWordsAreToBlameThemselves) {
  BatchProgress progress(/*in_order=*/false);
  progress.Begin(BatchOf(2));
  progress.SearchRefused({0, 2}, "no");
  progress.SearchRefused({0, 1}, "the first is bad");
  progress.SearchRefused({1, 2}, "the second is bad");
  EXPECT_TRUE(progress.finished());
  EXPECT_FALSE(progress.refused_whole());
  EXPECT_EQ(progress.Finish().size(), 2u);
}

TEST(BatchProgress, ASearchInOrderSendsRowsInOrder) {
  BatchProgress progress(/*in_order=*/true);
  progress.Begin(BatchOf(8));
  progress.SearchRefused({0, 8}, "no");
  EXPECT_EQ(progress.next(), (RowRange{0, 4}));
  progress.SearchRefused({0, 4}, "no");
  EXPECT_EQ(progress.next(), (RowRange{0, 2}));
  progress.Complete({0, 2}, {});
  EXPECT_EQ(progress.next(), (RowRange{2, 4}));
}

TEST(BatchProgress, WhatIsUnclearIsHalvedAndAtLastLeft) {
  BatchProgress progress(/*in_order=*/false);
  progress.Begin(BatchOf(2));
  EXPECT_TRUE(progress.SearchUnclear({0, 2}));
  EXPECT_EQ(progress.next(), (RowRange{0, 1}));
  EXPECT_FALSE(progress.SearchUnclear({0, 1}));
  EXPECT_EQ(progress.next(), (RowRange{0, 1}));
}

}  // namespace
}  // namespace millrace::mixpanel
