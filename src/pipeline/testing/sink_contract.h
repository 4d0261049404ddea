// The contract of every Sink (pipeline/sink.h), as a test suite. Include it in one file of a test
// program and instantiate it, as with ledger_contract.h.
#ifndef MILLRACE_PIPELINE_TESTING_SINK_CONTRACT_H_
#define MILLRACE_PIPELINE_TESTING_SINK_CONTRACT_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <numeric>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "pipeline/delivery_cursor.h"
#include "pipeline/sink.h"
#include "pipeline/testing/run_fixture.h"

namespace millrace {

// A destination and sinks into it.
class SinkFixture {
 public:
  virtual ~SinkFixture() = default;
  virtual std::unique_ptr<Sink> NewSink() = 0;
  // A row that the destination accepts, another for each `n`; and one that it refuses.
  virtual std::string GoodRow(int n) = 0;
  virtual std::string BadRow(int n) = 0;
  // How often GoodRow(n) is there; one that was sent twice may count once, unless the destination
  // has a cursor.
  virtual int Arrived(int n) = 0;
  // The next write of any sink fails, with or without its effect, in a way that a retry fixes.
  // False if this fixture cannot do that.
  virtual bool FailNextWrite(bool with_effect) = 0;
  // From now on the destination refuses everything for `reason`, without naming a row; if it is
  // empty, no longer.
  virtual void RefuseAll(const std::string& reason) = 0;
  // The destination's; null if it has none. See cursor_contract.h.
  virtual DeliveryCursor* cursor() { return nullptr; }
};

using SinkMaker = std::unique_ptr<SinkFixture> (*)();

class SinkContract : public testing::TestWithParam<SinkMaker> {
 protected:
  SinkFixture& fixture() { return *fixture_; }

  // Rows of one object, the first of which is its row `first_row`.
  struct ObjectBatch {
    LedgerKey object;
    std::string writer;
    uint64_t first_row = 0;
    Batch batch;

    uint64_t end_row() const { return first_row + batch.rows(); }
  };

  // `rows`: n >= 0 is GoodRow(n), n < 0 BadRow(-n). They are of a new object, which is claimed if
  // the destination has a cursor.
  ObjectBatch MakeBatch(const std::vector<int>& rows) {
    ObjectBatch made;
    made.object = NewObject();
    made.writer = "writer/1";
    if (fixture().cursor() != nullptr) {
      EXPECT_TRUE(fixture().cursor()->Claim(made.object, made.writer, {}).ok());
    }
    AddRows(rows, made);
    return made;
  }
  void AddRows(const std::vector<int>& rows, ObjectBatch& to) {
    for (const int n : rows) AddRow(n, to.first_row + to.batch.rows(), to.batch);
  }
  void AddRow(int n, uint64_t source_row, Batch& batch) {
    batch.bytes.Append(n >= 0 ? fixture().GoodRow(n) : fixture().BadRow(-n));
    batch.EndRow(source_row);
  }
  LedgerKey NewObject() {
    return {
        .object = StrCat("object ", objects_++), .version = "1", .config = "c", .destination = "d"};
  }

  static WriteResult Write(Sink& sink, const ObjectBatch& rows, std::stop_token stop = {}) {
    const BatchSpan span{.object = &rows.object,
                         .writer = &rows.writer,
                         .rows = rows.batch.rows(),
                         .begin_row = rows.first_row,
                         .end_row = rows.end_row()};
    return sink.Write(rows.batch, {&span, 1}, std::move(stop));
  }

  static std::vector<size_t> RefusedRows(const WriteResult& result) {
    std::vector<size_t> rows;
    for (const RefusedRow& row : result.refused()) rows.push_back(row.row);
    return rows;
  }

  // Writes until it is durable, as Run() does.
  static WriteResult WriteToTheEnd(Sink& sink, const ObjectBatch& rows) {
    for (int attempt = 0; attempt < 10; ++attempt) {
      WriteResult result = Write(sink, rows);
      if (result.durable() || !result.retryable()) return result;
    }
    return WriteResult();
  }

 private:
  const std::unique_ptr<SinkFixture> fixture_ = GetParam()();
  std::atomic<int> objects_{0};
};

TEST_P(SinkContract, DurableMeansThatAllArrived) {
  const std::unique_ptr<Sink> sink = fixture().NewSink();
  const WriteResult result = Write(*sink, MakeBatch({0, 1, 2}));
  ASSERT_TRUE(result.durable()) << result.status();
  EXPECT_TRUE(result.refused().empty());
  for (int n = 0; n < 3; ++n) EXPECT_EQ(fixture().Arrived(n), 1) << n;
}

TEST_P(SinkContract, RefusedRowsAreListedAndTheOthersArrive) {
  const std::unique_ptr<Sink> sink = fixture().NewSink();
  const WriteResult result = Write(*sink, MakeBatch({-1, 0, -2, -3, 1, 2, -4}));
  ASSERT_TRUE(result.durable()) << result.status();
  EXPECT_EQ(RefusedRows(result), (std::vector<size_t>{0, 2, 3, 6}));
  for (const RefusedRow& row : result.refused()) {
    EXPECT_NE(row.code, "");
    EXPECT_NE(row.message, "");
  }
  for (int n = 0; n < 3; ++n) EXPECT_EQ(fixture().Arrived(n), 1) << n;
}

// If the destination names no row, it might refuse the good ones as well.
TEST_P(SinkContract, OfABatchOfBadRowsEachIsNamedOrNone) {
  const std::unique_ptr<Sink> sink = fixture().NewSink();
  const WriteResult result = Write(*sink, MakeBatch({-1, -2}));
  if (result.refused_whole()) return;
  ASSERT_TRUE(result.durable()) << result.status();
  EXPECT_EQ(RefusedRows(result), (std::vector<size_t>{0, 1}));
}

TEST_P(SinkContract, AWholeRequestRefusalIsOneOfTheWholeBatch) {
  fixture().RefuseAll("project is archived");
  const std::unique_ptr<Sink> sink = fixture().NewSink();
  for (const int rows : {1, 3, 5000}) {
    std::vector<int> numbers(static_cast<size_t>(rows));
    std::iota(numbers.begin(), numbers.end(), 0);
    const WriteResult result = Write(*sink, MakeBatch(numbers));
    EXPECT_TRUE(result.refused_whole()) << rows;
    EXPECT_FALSE(result.durable());
    EXPECT_FALSE(result.retryable());
    EXPECT_NE(ToStd(result.status().message()).find("project is archived"), std::string::npos)
        << result.status();
  }
  // Nothing of it is left in the sink.
  fixture().RefuseAll("");
  const WriteResult result = Write(*sink, MakeBatch({0, 1, 2}));
  ASSERT_TRUE(result.durable()) << result.status();
  EXPECT_TRUE(result.refused().empty());
  for (int n = 0; n < 3; ++n) EXPECT_EQ(fixture().Arrived(n), 1) << n;
}

TEST_P(SinkContract, AWholeRequestRefusalStopsTheRunAndLosesNothing) {
  constexpr int kRows = 3000;
  PipelineSimulation world;
  std::string letters;
  for (int n = 0; n < kRows; ++n) letters += "a ";
  world.objects = {MakeFakeObject("object", letters)};
  world.chunk_rows = 1000;
  world.options.initial_writes = world.options.max_writes = 2;
  // The rows of the world, as the destination wants them.
  class GoodRows : public Transform {
   public:
    explicit GoodRows(SinkFixture& fixture) : fixture_(fixture) {}
    void Begin(Chunk& chunk) override { chunk_ = &chunk; }
    bool Next(size_t, Transformed& out) override {
      for (uint64_t row = chunk_->first_row; row < chunk_->after.row; ++row) {
        out.batch.bytes.Append(fixture_.GoodRow(static_cast<int>(row)));
        out.batch.EndRow(row);
      }
      return true;
    }

   private:
    SinkFixture& fixture_;
    const Chunk* chunk_ = nullptr;
  };
  const auto run = [&] {
    FakeSource source(world.objects, world.ledger, "me", world.chunk_rows);
    return RunWith(world, source,
                   {.make_transform = [&] { return std::make_unique<GoodRows>(fixture()); },
                    .make_sink = [&] { return fixture().NewSink(); },
                    .cursor = fixture().cursor()});
  };

  fixture().RefuseAll("project is archived");
  const RunReport refused = run();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused.status)) << refused.status;
  EXPECT_NE(refused.first_error.find("project is archived"), std::string::npos);
  EXPECT_EQ(refused.counts.rejected, 0u);
  EXPECT_EQ(world.ledger.Find(world.objects[0].key)->position.row, 0u);
  EXPECT_TRUE(world.dead_letter.Objects().empty());

  fixture().RefuseAll("");
  const RunReport report = run();
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.counts.accepted, uint64_t{kRows});
  for (const int n : {0, 999, 1000, kRows - 1}) EXPECT_GE(fixture().Arrived(n), 1) << n;
}

TEST_P(SinkContract, AFailedWriteIsNotDurableAndARetrySucceeds) {
  for (const bool with_effect : {false, true}) {
    if (!fixture().FailNextWrite(with_effect)) continue;
    const std::unique_ptr<Sink> sink = fixture().NewSink();
    const int n = with_effect ? 10 : 20;
    const ObjectBatch batch = MakeBatch({n, -1, n + 1});
    const WriteResult failed = Write(*sink, batch);
    ASSERT_FALSE(failed.durable());
    EXPECT_TRUE(failed.retryable()) << failed.status();
    const WriteResult again = WriteToTheEnd(*sink, batch);
    ASSERT_TRUE(again.durable()) << again.status();
    EXPECT_EQ(RefusedRows(again), (std::vector<size_t>{1}));
    EXPECT_GE(fixture().Arrived(n), 1);
    EXPECT_GE(fixture().Arrived(n + 1), 1);
  }
}

// State of a failed write must not leak into the next batch.
TEST_P(SinkContract, AfterAFailedWriteAnotherBatchMayFollow) {
  if (!fixture().FailNextWrite(/*with_effect=*/false)) GTEST_SKIP() << "writes cannot fail here";
  const std::unique_ptr<Sink> sink = fixture().NewSink();
  ASSERT_FALSE(Write(*sink, MakeBatch({0, 1, 2})).durable());
  const WriteResult result = WriteToTheEnd(*sink, MakeBatch({3}));
  ASSERT_TRUE(result.durable()) << result.status();
  EXPECT_TRUE(result.refused().empty());
  EXPECT_EQ(fixture().Arrived(3), 1);
}

TEST_P(SinkContract, AStopLeavesTheTruth) {
  std::stop_source stop;
  stop.request_stop();
  const std::unique_ptr<Sink> sink = fixture().NewSink();
  const WriteResult result = Write(*sink, MakeBatch({0}), stop.get_token());
  if (result.durable()) {
    EXPECT_EQ(fixture().Arrived(0), 1);
  } else {
    EXPECT_TRUE(result.retryable()) << result.status();
  }
}

TEST_P(SinkContract, ALargeBatchArrivesWhole) {
  constexpr int kRows = 5000;
  std::vector<int> rows;
  for (int n = 0; n < kRows; ++n) rows.push_back(n);
  rows[1234] = -1;
  rows[kRows - 1] = -2;
  const std::unique_ptr<Sink> sink = fixture().NewSink();
  const WriteResult result = Write(*sink, MakeBatch(rows));
  ASSERT_TRUE(result.durable()) << result.status();
  EXPECT_EQ(RefusedRows(result), (std::vector<size_t>{1234, kRows - 1}));
  for (const int n : {0, 1, 1233, 1235, 2000, kRows - 2}) EXPECT_EQ(fixture().Arrived(n), 1) << n;
}

TEST_P(SinkContract, SinksOfManyThreadsDoNotDisturbEachOther) {
  constexpr int kThreads = 4;
  constexpr int kBatches = 10;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      const std::unique_ptr<Sink> sink = fixture().NewSink();
      for (int b = 0; b < kBatches; ++b) {
        const int n = 2 * (t * kBatches + b);
        const WriteResult result = Write(*sink, MakeBatch({n, -1, n + 1}));
        EXPECT_TRUE(result.durable()) << result.status();
        EXPECT_EQ(RefusedRows(result), (std::vector<size_t>{1}));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int n = 0; n < 2 * kThreads * kBatches; ++n) EXPECT_EQ(fixture().Arrived(n), 1) << n;
}

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_TESTING_SINK_CONTRACT_H_
