#include "pipeline/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

#include "base/strings.h"
#include "pipeline/testing/run_fixture.h"

namespace millrace {
namespace {

using testing::ElementsAre;

TEST_F(RunTest, DeliversEverythingAndItsNumbersAddUp) {
  AddObject("one", "a f r aaa axa");
  AddObject("two", "a");
  RunProgress progress;
  const RunReport report = world_.Run("me", {}, &progress);
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.counts,
            (Counts{.read = 6, .accepted = 3, .rejected = 2, .filtered = 1, .events = 7}));
  EXPECT_EQ(report.counts.pending(), 0u);
  EXPECT_EQ(report.objects, 2u);
  EXPECT_EQ(report.objects_done, 2u);
  EXPECT_EQ(report.retries, 0u);
  EXPECT_EQ(report.first_error, "one: row 3: the row says so");
  EXPECT_EQ(world_.CheckComplete(), "");
  EXPECT_EQ(progress.rows_read, 6u);
  EXPECT_EQ(progress.rows_accepted, 3u);
  EXPECT_EQ(progress.rows_rejected, 2u);
  EXPECT_EQ(progress.rows_filtered, 1u);
  EXPECT_EQ(progress.events_accepted, 7u);
  EXPECT_EQ(progress.writes, report.writes);
  EXPECT_EQ(progress.writes_in_flight, 0);
  EXPECT_EQ(progress.objects_done, 2u);
}

TEST_F(RunTest, CountersOfSeveralRunsAddUpAndReportsAreOfOne) {
  AddRows("one", 3);
  world_.destination.set_script(
      [](uint64_t n) { return n == 0 ? FakeWrite::kRetry : FakeWrite::kDurable; });
  RunProgress progress;
  world_.Run("me", {}, &progress);
  AddRows("two", 3);
  const RunReport second = world_.Run("me", {}, &progress);
  EXPECT_EQ(second.writes, 1u);
  EXPECT_EQ(second.retries, 0u);
  EXPECT_EQ(progress.writes, 3u);
  EXPECT_EQ(progress.retries, 1u);
  EXPECT_EQ(progress.rows_accepted, 6u);
}

TEST_F(RunTest, AnEmptySourceIsDoneAtOnce) {
  const RunReport report = world_.Run("me");
  EXPECT_TRUE(report.status.ok());
  EXPECT_EQ(report.counts, Counts());
  EXPECT_EQ(report.writes, 0u);
}

TEST_F(RunTest, ASecondRunSendsNothing) {
  AddObject("one", "a r a a a a a");
  world_.Run("me");
  const size_t writes = world_.destination.BatchSizes().size();
  const RunReport again = world_.Run("me");
  EXPECT_TRUE(again.status.ok());
  EXPECT_EQ(again.counts, Counts());
  EXPECT_EQ(world_.destination.BatchSizes().size(), writes);
}

TEST_F(RunTest, ManyWorkersDeliverManyObjects) {
  for (int i = 0; i < 60; ++i) AddObject(StrCat("object ", i), "a r a a axa f a a a r aa");
  world_.options.initial_writes = world_.options.max_writes = 16;
  world_.chunk_rows = 3;
  const RunReport report = world_.Run("me");
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.objects_done, 60u);
  EXPECT_EQ(report.counts.read, 660u);
  EXPECT_EQ(world_.CheckComplete(), "");
}

TEST_F(RunTest, SmallObjectsShareWrites) {
  for (int i = 0; i < 100; ++i) AddRows(StrCat("object ", i), 1);
  world_.options.join_rows = 30;
  world_.Run("me");
  EXPECT_THAT(world_.destination.BatchSizes(), ElementsAre(30, 30, 30, 10));
  EXPECT_EQ(world_.CheckComplete(), "");
}

TEST_F(RunTest, LargeBatchesAreNotJoined) {
  AddRows("one", 12);
  world_.options.join_rows = 4;
  world_.Run("me");
  EXPECT_THAT(world_.destination.BatchSizes(), ElementsAre(4, 4, 4));
}

TEST_F(RunTest, RowsThatBecomeNothingCostNoWrite) {
  AddObject("one", "f f f r r f");
  const RunReport report = world_.Run("me");
  EXPECT_TRUE(report.status.ok());
  EXPECT_EQ(report.writes, 0u);
  EXPECT_EQ(world_.CheckComplete(), "");
}

class WeighingSink : public Sink {
 public:
  WeighingSink(std::atomic<size_t>& bytes, std::atomic<size_t>& max) : bytes_(bytes), max_(max) {}
  WriteResult Write(const Batch& batch, absl::Span<const BatchSpan>, std::stop_token) override {
    const size_t now = bytes_ += batch.bytes.size();
    size_t max = max_;
    while (max < now && !max_.compare_exchange_weak(max, now)) {
    }
    std::this_thread::yield();
    bytes_ -= batch.bytes.size();
    return WriteResult::Durable();
  }

 private:
  std::atomic<size_t>& bytes_;
  std::atomic<size_t>& max_;
};

TEST_F(RunTest, WhatIsInFlightStaysWithinItsBytes) {
  for (int i = 0; i < 50; ++i) AddRows(StrCat("object ", i), 20);
  world_.chunk_rows = 20;  // about 1,000 bytes of events
  world_.options.initial_writes = world_.options.max_writes = 16;
  world_.options.join_rows = 20;
  world_.options.max_bytes = 8000;
  std::atomic<size_t> bytes{0};
  std::atomic<size_t> max{0};
  FakeSource source(world_.objects, world_.ledger, "me", world_.chunk_rows);
  const RunReport report = RunWith(
      world_, source, {.make_sink = [&] { return std::make_unique<WeighingSink>(bytes, max); }});
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.counts.accepted, 1000u);
  EXPECT_LE(max, world_.options.max_bytes + 2000);
}

}  // namespace
}  // namespace millrace
