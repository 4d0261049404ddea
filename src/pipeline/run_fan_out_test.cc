// Rows that become many events: a chunk takes several writes, and the accounting stays exact.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>

#include "pipeline/testing/run_fixture.h"

namespace millrace {
namespace {

class RunFanOutTest : public RunTest {
 protected:
  RunFanOutTest() {
    world_.chunk_rows = 50;
    world_.options.write_batch_bytes = 1000;
  }
  // `rows` rows that become `events` each.
  void AddFanOut(const std::string& name, int rows, const std::string& events) {
    std::string letters;
    for (int row = 0; row < rows; ++row) letters += events + " ";
    AddObject(name, letters);
  }
};

// Measures the batches that it receives.
class MeasuringSink : public Sink {
 public:
  MeasuringSink(std::unique_ptr<Sink> sink, std::atomic<size_t>& largest)
      : sink_(std::move(sink)), largest_(largest) {}
  WriteResult Write(const Batch& batch, absl::Span<const BatchSpan> spans, std::stop_token stop) override {
    size_t seen = largest_;
    while (seen < batch.bytes.size() && !largest_.compare_exchange_weak(seen, batch.bytes.size())) {
    }
    return sink_->Write(batch, spans, stop);
  }

 private:
  const std::unique_ptr<Sink> sink_;
  std::atomic<size_t>& largest_;
};

TEST_F(RunFanOutTest, BatchesStaySmallWhateverAChunkBecomes) {
  AddFanOut("one", 100, std::string(20, 'a'));
  FakeSource source(world_.objects, world_.ledger, "me", world_.chunk_rows);
  std::atomic<size_t> largest = 0;
  const RunReport report =
      RunWith(world_, source, {.make_sink = [&] {
                return std::make_unique<MeasuringSink>(world_.destination.NewSink(), largest);
              }});
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.counts.accepted, 100u);
  EXPECT_EQ(report.counts.events, 2000u);
  EXPECT_GE(report.writes, 50u);
  EXPECT_LE(largest, 1000u + 20 * 50) << "the bound and one row";
  EXPECT_EQ(world_.CheckComplete(), "");
}

TEST_F(RunFanOutTest, BatchesTakeAnEighthOfTheMemoryAtMost) {
  world_.options.write_batch_bytes = 1 << 20;
  world_.options.max_bytes = 8000;
  AddFanOut("one", 100, std::string(20, 'a'));
  const RunReport report = world_.Run("me");
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_GE(report.writes, 50u);
}

TEST_F(RunFanOutTest, RejectionsOfEveryBatchOfAChunkAreKeptOnce) {
  world_.options.write_batch_bytes = 400;
  AddObject("one", "aaaaaaaaaaaaaaaaaaaaaaxa r axaaaaaaaaaaaaaaaaaaaaa f aaaaaaaaaaaaaaaaaaaa r x");
  const RunReport report = world_.Run("me");
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(world_.CheckComplete(), "");
  EXPECT_EQ(report.counts.rejected, 5u);
  EXPECT_GE(report.writes, 3u);
}

TEST_F(RunFanOutTest, TheLedgerMovesWhenAllOfAChunkIsDelivered) {
  AddFanOut("one", 50, std::string(20, 'a'));
  world_.destination.set_script(
      [](uint64_t n) { return n < 10 ? FakeWrite::kDurable : FakeWrite::kStop; });
  const RunReport report = world_.Run("me");
  EXPECT_FALSE(report.status.ok());
  EXPECT_EQ(Entry(0).position.row, 0u);
  EXPECT_EQ(report.counts.pending(), 50u);
  EXPECT_EQ(world_.CheckPromise(), "");
  world_.destination.set_script(Always(FakeWrite::kDurable));
  EXPECT_TRUE(world_.Run("me").status.ok());
  EXPECT_EQ(world_.CheckComplete(), "");
}

TEST_F(RunFanOutTest, AStopDoesNotWaitForTheRestOfAChunk) {
  AddFanOut("one", 1000, std::string(20, 'a'));
  world_.chunk_rows = 1000;
  std::stop_source stop;
  world_.destination.set_script([&](uint64_t n) {
    if (n == 2) stop.request_stop();
    return FakeWrite::kDurable;
  });
  const RunReport report = world_.Run("me", stop.get_token());
  EXPECT_TRUE(absl::IsCancelled(report.status)) << report.status;
  EXPECT_LE(report.writes, 4u);
  EXPECT_EQ(world_.CheckPromise(), "");
}

TEST_F(RunFanOutTest, WorkersFinishTheirChunksWhenTheSourceHasEnded) {
  world_.options.initial_writes = world_.options.max_writes = 4;
  world_.options.max_bytes = 4000;
  world_.chunk_rows = 10;
  AddFanOut("one", 100, std::string(50, 'a'));
  AddFanOut("two", 3, "a");
  const RunReport report = world_.Run("me");
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(world_.CheckComplete(), "");
}

TEST_F(RunFanOutTest, AThrottledRunContinuesWithFewerWorkersInTheMiddleOfChunks) {
  world_.options.initial_writes = world_.options.max_writes = 4;
  AddFanOut("one", 200, std::string(50, 'a'));
  world_.destination.set_script(
      [](uint64_t n) { return n % 7 == 3 ? FakeWrite::kThrottled : FakeWrite::kDurable; });
  const RunReport report = world_.Run("me");
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(world_.CheckComplete(), "");
}

}  // namespace
}  // namespace millrace
