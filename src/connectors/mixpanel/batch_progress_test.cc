#include "connectors/mixpanel/batch_progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
  BatchProgress progress;
  progress.Begin(BatchOf(4));
  EXPECT_EQ(progress.next(), (RowRange{0, 4}));
  EXPECT_FALSE(progress.finished());
}

TEST(BatchProgress, HasNothingToDoForAnEmptyBatch) {
  BatchProgress progress;
  progress.Begin(Batch());
  EXPECT_TRUE(progress.finished());
}

TEST(BatchProgress, CountsRefusedRowsFromTheBatchsFirst) {
  BatchProgress progress;
  progress.Begin(BatchOf(6));
  progress.Settle({0, 3}, {{.row = 1}});
  progress.Refuse({3, 4}, "code", "message");
  progress.Settle({4, 6}, {{.row = 0}});
  EXPECT_TRUE(progress.finished());
  const std::vector<RefusedRow> refused = progress.Finish();
  EXPECT_THAT(Rows(refused), ElementsAre(1, 3, 4));
  EXPECT_EQ(refused[1].code, "code");
  EXPECT_EQ(refused[1].message, "message");
}

TEST(BatchProgress, SplitsTheFrontAndKeepsTheOrder) {
  BatchProgress progress;
  progress.Begin(BatchOf(6));
  progress.Split({0, 4});
  EXPECT_EQ(progress.next(), (RowRange{0, 2}));
  progress.Settle({0, 2}, {});
  EXPECT_EQ(progress.next(), (RowRange{2, 4}));
  progress.Split({2, 4});
  progress.Settle({2, 3}, {});
  progress.Settle({3, 4}, {});
  EXPECT_EQ(progress.next(), (RowRange{4, 6}));
}

TEST(BatchProgress, GoesOnWithABatchThatWasPutAside) {
  BatchProgress progress;
  const Batch batch = BatchOf(4);
  progress.Begin(batch);
  progress.Settle({0, 2}, {{.row = 1}});
  progress.PutAside(batch);
  progress.Begin(BatchOf(4));  // elsewhere in memory, the same content
  EXPECT_EQ(progress.next(), (RowRange{2, 4}));
  progress.PutAside(batch);  // again, without having moved
  progress.Begin(batch);
  EXPECT_EQ(progress.next(), (RowRange{2, 4}));
  progress.Settle({2, 4}, {});
  EXPECT_THAT(Rows(progress.Finish()), ElementsAre(1));
  progress.Begin(batch);
  EXPECT_EQ(progress.next(), (RowRange{0, 4}));
}

TEST(BatchProgress, BeginsAnotherBatchAnewAtTheSameAddress) {
  BatchProgress progress;
  Batch batch = BatchOf(4);
  progress.Begin(batch);
  progress.Settle({0, 2}, {{.row = 0}});
  progress.PutAside(batch);
  batch = BatchOf(4, /*first_source_row=*/100);  // equal rows from elsewhere
  progress.Begin(batch);
  EXPECT_EQ(progress.next(), (RowRange{0, 4}));
  EXPECT_TRUE(progress.Finish().empty());
}

TEST(BatchProgress, ForgetsABatchOnceAnotherCameBetween) {
  BatchProgress progress;
  const Batch batch = BatchOf(4);
  progress.Begin(batch);
  progress.Settle({0, 2}, {});
  progress.PutAside(batch);
  progress.Begin(BatchOf(3));
  progress.Begin(batch);
  EXPECT_EQ(progress.next(), (RowRange{0, 4}));
}

TEST(BatchProgress, BoundsTheSearchPerBatch) {
  BatchProgress progress;
  progress.Begin(BatchOf(4));
  int searches = 0;
  while (progress.SpendSearch()) ++searches;
  EXPECT_EQ(searches, 256);
  EXPECT_FALSE(progress.SpendSearch());
  progress.Begin(BatchOf(5));
  EXPECT_TRUE(progress.SpendSearch());
}

}  // namespace
}  // namespace millrace::mixpanel
