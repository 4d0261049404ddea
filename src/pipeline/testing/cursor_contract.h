// The contract of destinations with a cursor (pipeline/delivery_cursor.h), beside that of their
// sinks: instantiate both suites with the same fixture.
#ifndef MILLRACE_PIPELINE_TESTING_CURSOR_CONTRACT_H_
#define MILLRACE_PIPELINE_TESTING_CURSOR_CONTRACT_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "pipeline/delivery_cursor.h"
#include "pipeline/testing/sink_contract.h"

namespace millrace {

class CursorContract : public SinkContract {
 protected:
  void SetUp() override {
    ASSERT_NE(fixture().cursor(), nullptr);
    sink_ = fixture().NewSink();
  }

  using Ranges = std::vector<std::pair<uint64_t, uint64_t>>;
  Ranges Claim(const LedgerKey& object, const std::string& writer) {
    const absl::StatusOr<RowRanges> rows = fixture().cursor()->Claim(object, writer, {});
    EXPECT_TRUE(rows.ok()) << rows.status();
    return rows.ok() ? Ranges(rows->begin(), rows->end()) : Ranges();
  }
  void MustWrite(const ObjectBatch& rows) {
    const WriteResult result = WriteToTheEnd(*sink_, rows);
    ASSERT_TRUE(result.durable()) << result.status();
    EXPECT_TRUE(result.fenced().empty());
  }

  std::unique_ptr<Sink> sink_;
};

TEST_P(CursorContract, AnObjectThatWasNeverWrittenHasNoRows) {
  EXPECT_EQ(Claim(NewObject(), "writer/1"), Ranges());
}

TEST_P(CursorContract, TheSameBatchWrittenTwiceIsThereOnce) {
  const ObjectBatch rows = MakeBatch({0, -1, 1});
  for (int times = 0; times < 3; ++times) {
    const std::unique_ptr<Sink> sink = fixture().NewSink();
    const WriteResult result = WriteToTheEnd(*sink, rows);
    ASSERT_TRUE(result.durable()) << result.status();
    EXPECT_EQ(RefusedRows(result), (std::vector<size_t>{1}));
    for (const int n : {0, 1}) EXPECT_EQ(fixture().Arrived(n), 1) << n;
  }
}

TEST_P(CursorContract, AWriteWhoseResponseWasLostIsThereOnce) {
  if (!fixture().FailNextWrite(/*with_effect=*/true)) GTEST_SKIP() << "no response can be lost";
  const ObjectBatch rows = MakeBatch({0, 1});
  EXPECT_FALSE(Write(*sink_, rows).durable());
  MustWrite(rows);
  for (const int n : {0, 1}) EXPECT_EQ(fixture().Arrived(n), 1) << n;
  EXPECT_EQ(Claim(rows.object, "writer/2"), (Ranges{{0, 2}}));
}

TEST_P(CursorContract, TheNextWriterIsToldWhatIsThere) {
  ObjectBatch rows = MakeBatch({0, 1, 2, 3});
  MustWrite(rows);
  ObjectBatch later{.object = rows.object, .writer = rows.writer, .first_row = 6};
  AddRows({6, 7}, later);
  MustWrite(later);
  EXPECT_EQ(Claim(rows.object, "writer/2"), (Ranges{{0, 4}, {6, 8}}));
}

// The next run reads rows 2 to 9 into one batch, and sends those that are not there.
TEST_P(CursorContract, ARestartWithOtherBatchSizesStoresTheRest) {
  ObjectBatch rows = MakeBatch({0, 1, 2, 3});
  MustWrite(rows);
  ObjectBatch rest{.object = rows.object, .writer = "writer/2"};
  Claim(rest.object, rest.writer);
  for (int n = 4; n < 10; ++n) AddRow(n, static_cast<uint64_t>(n), rest.batch);
  const BatchSpan span{.object = &rest.object,
                       .writer = &rest.writer,
                       .rows = rest.batch.rows(),
                       .begin_row = 2,
                       .end_row = 10};
  const WriteResult result = sink_->Write(rest.batch, {&span, 1}, {});
  ASSERT_TRUE(result.durable()) << result.status();
  for (int n = 0; n < 10; ++n) EXPECT_EQ(fixture().Arrived(n), 1) << n;
  EXPECT_EQ(Claim(rest.object, "writer/3"), (Ranges{{0, 10}}));
}

TEST_P(CursorContract, RowsWithoutEventsAreSettledWithTheirBatch) {
  ObjectBatch rows = MakeBatch({});
  AddRow(3, 3, rows.batch);
  AddRow(7, 7, rows.batch);
  const BatchSpan span{
      .object = &rows.object, .writer = &rows.writer, .rows = 2, .begin_row = 1, .end_row = 12};
  ASSERT_TRUE(sink_->Write(rows.batch, {&span, 1}, {}).durable());
  EXPECT_EQ(Claim(rows.object, "writer/2"), (Ranges{{1, 12}}));
}

TEST_P(CursorContract, RefusedRowsAreNotThere) {
  const ObjectBatch rows = MakeBatch({-1, 0, 1, -2, 2, -3});
  MustWrite(rows);
  EXPECT_EQ(Claim(rows.object, "writer/2"), (Ranges{{1, 3}, {4, 5}}));
}

TEST_P(CursorContract, AllEventsOfASourceRowAreThereOrNone) {
  ObjectBatch rows = MakeBatch({});
  AddRow(0, 0, rows.batch);
  AddRow(-1, 0, rows.batch);
  AddRow(1, 0, rows.batch);
  AddRow(2, 1, rows.batch);
  AddRow(3, 1, rows.batch);
  const BatchSpan span{.object = &rows.object, .writer = &rows.writer, .rows = 5, .end_row = 2};
  const WriteResult result = sink_->Write(rows.batch, {&span, 1}, {});
  ASSERT_TRUE(result.durable()) << result.status();
  EXPECT_EQ(RefusedRows(result), (std::vector<size_t>{0, 1, 2}));
  for (const int n : {0, 1}) EXPECT_EQ(fixture().Arrived(n), 0) << n;
  for (const int n : {2, 3}) EXPECT_EQ(fixture().Arrived(n), 1) << n;
  EXPECT_EQ(Claim(rows.object, "writer/2"), (Ranges{{1, 2}}));
}

TEST_P(CursorContract, AFencedWriterStoresNothing) {
  const ObjectBatch fenced = MakeBatch({0, -1, 1});
  const ObjectBatch good = MakeBatch({2, 3});
  EXPECT_EQ(Claim(fenced.object, "writer/2"), Ranges());
  Batch both;
  for (const ObjectBatch* part : {&fenced, &good}) {
    for (size_t row = 0; row < part->batch.rows(); ++row) {
      both.bytes.Append(part->batch.row(row));
      both.EndRow(part->batch.source_rows[row]);
    }
  }
  const BatchSpan spans[] = {
      {.object = &fenced.object, .writer = &fenced.writer, .rows = 3, .end_row = 3},
      {.object = &good.object, .writer = &good.writer, .first = 3, .rows = 2, .end_row = 2}};
  const WriteResult result = sink_->Write(both, spans, {});
  ASSERT_TRUE(result.durable()) << result.status();
  EXPECT_EQ(result.fenced(), (std::vector<size_t>{0}));
  EXPECT_TRUE(result.refused().empty());
  for (const int n : {0, 1}) EXPECT_EQ(fixture().Arrived(n), 0) << n;
  for (const int n : {2, 3}) EXPECT_EQ(fixture().Arrived(n), 1) << n;
  EXPECT_EQ(Claim(fenced.object, "writer/3"), Ranges());
}

// What the claim returns is all there is: nothing of the earlier writer comes after it.
TEST_P(CursorContract, AClaimEndsTheWritesOfTheEarlierWriter) {
  ObjectBatch rows = MakeBatch({});
  absl::Notification writing;
  std::thread earlier([&] {
    for (int n = 0; n < 10'000; ++n) {
      ObjectBatch row{
          .object = rows.object, .writer = rows.writer, .first_row = static_cast<uint64_t>(n)};
      AddRows({n}, row);
      const WriteResult result = WriteToTheEnd(*sink_, row);
      EXPECT_TRUE(result.durable()) << result.status();
      if (n == 3) writing.Notify();
      if (!result.durable() || !result.fenced().empty()) break;
    }
    if (!writing.HasBeenNotified()) writing.Notify();
  });
  writing.WaitForNotification();
  const Ranges there = Claim(rows.object, "writer/2");
  ASSERT_EQ(there.size(), 1u);
  EXPECT_EQ(there[0].first, 0u);
  const int end = static_cast<int>(there[0].second);
  EXPECT_GE(end, 4);
  earlier.join();
  for (const int n : {0, end - 1}) EXPECT_EQ(fixture().Arrived(n), 1) << n;
  EXPECT_EQ(fixture().Arrived(end), 0);
  EXPECT_EQ(Claim(rows.object, "writer/3"), there);
}

TEST_P(CursorContract, AForgottenObjectMayBeWrittenAgain) {
  ObjectBatch rows = MakeBatch({0, 1});
  MustWrite(rows);
  ObjectBatch changed{.object = rows.object, .writer = rows.writer};
  changed.object.config = "changed";
  Claim(changed.object, changed.writer);
  AddRows({2}, changed);
  MustWrite(changed);
  ASSERT_TRUE(fixture().cursor()->Forget(rows.object, {}).ok());
  EXPECT_EQ(Claim(changed.object, "writer/2"), Ranges());
  rows.writer = "writer/2";
  EXPECT_EQ(Claim(rows.object, rows.writer), Ranges());
  MustWrite(rows);
  EXPECT_EQ(Claim(rows.object, "writer/3"), (Ranges{{0, 2}}));
}

TEST_P(CursorContract, AWriterOfAForgottenObjectIsFenced) {
  const ObjectBatch rows = MakeBatch({0});
  ASSERT_TRUE(fixture().cursor()->Forget(rows.object, {}).ok());
  const WriteResult result = Write(*sink_, rows);
  ASSERT_TRUE(result.durable()) << result.status();
  EXPECT_EQ(result.fenced(), (std::vector<size_t>{0}));
  EXPECT_EQ(fixture().Arrived(0), 0);
}

TEST_P(CursorContract, AReleasedObjectMayBeClaimedAgain) {
  const ObjectBatch rows = MakeBatch({0, 1});
  MustWrite(rows);
  fixture().cursor()->Release(rows.object, rows.writer, /*delivered=*/false);
  EXPECT_EQ(Claim(rows.object, "writer/2"), (Ranges{{0, 2}}));
}

TEST_P(CursorContract, AReleaseEndsNoOtherWriter) {
  const ObjectBatch rows = MakeBatch({0});
  MustWrite(rows);
  ObjectBatch later{.object = rows.object, .writer = "writer/2", .first_row = 1};
  Claim(later.object, later.writer);
  fixture().cursor()->Release(rows.object, rows.writer, /*delivered=*/false);
  AddRows({1}, later);
  MustWrite(later);
  for (const int n : {0, 1}) EXPECT_EQ(fixture().Arrived(n), 1) << n;
  EXPECT_EQ(Claim(rows.object, "writer/3"), (Ranges{{0, 2}}));
}

// What is kept of it may be deleted, but not while it is written again.
TEST_P(CursorContract, ADeliveredObjectMayBeWrittenAgain) {
  ObjectBatch rows = MakeBatch({0, 1});
  MustWrite(rows);
  fixture().cursor()->Release(rows.object, rows.writer, /*delivered=*/true);
  const Ranges there = Claim(rows.object, "writer/2");
  EXPECT_TRUE(there == Ranges() || there == (Ranges{{0, 2}}));
  ObjectBatch later{.object = rows.object, .writer = "writer/2", .first_row = 2};
  AddRows({2, 3}, later);
  MustWrite(later);
  const Ranges then = Claim(rows.object, "writer/3");
  EXPECT_TRUE(then == (Ranges{{2, 4}}) || then == (Ranges{{0, 4}}));
  for (const int n : {2, 3}) EXPECT_EQ(fixture().Arrived(n), 1) << n;
}

TEST_P(CursorContract, AStoppedClaimSaysSo) {
  std::stop_source stop;
  stop.request_stop();
  const absl::StatusOr<RowRanges> rows =
      fixture().cursor()->Claim(NewObject(), "writer/1", stop.get_token());
  EXPECT_TRUE(absl::IsCancelled(rows.status())) << rows.status();
}

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_TESTING_CURSOR_CONTRACT_H_
