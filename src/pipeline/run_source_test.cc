// Objects that cannot be read, input that is slow to come, and sources and transforms that break
// their contract.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "pipeline/testing/run_fixture.h"

namespace millrace {
namespace {

using RunSourceTest = RunTest;

TEST_F(RunSourceTest, AnUnreadableObjectStaysOpenAndTheOthersContinue) {
  AddObject("bad", "a a a a a");
  world_.objects[0].error = absl::DataLossError("cut at byte 50");
  AddObject("good", "a");
  RunReport report = world_.Run("me");
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.objects_failed, 1u);
  EXPECT_EQ(report.objects_done, 1u);
  EXPECT_EQ(report.counts.accepted, 6u);
  EXPECT_EQ(report.first_error, "bad: cut at byte 50");
  EXPECT_EQ(Entry(0).last_error, "cut at byte 50");
  EXPECT_EQ(world_.CheckComplete(), "");

  world_.objects[0].error = absl::OkStatus();  // repaired
  report = world_.Run("another");
  EXPECT_EQ(report.objects_done, 1u);
  EXPECT_EQ(report.counts.read, 0u) << "what was done is not done again";
  EXPECT_EQ(world_.CheckComplete(), "");
}

TEST_F(RunSourceTest, AnErrorOfTheSourceLeavesWhatItGaveGood) {
  AddRows("one", 10);
  class Failing : public FakeSource {
   public:
    using FakeSource::FakeSource;
    absl::StatusOr<std::unique_ptr<Chunk>> Next(std::stop_token stop) override {
      if (++calls_ == 3) return absl::UnavailableError("listing gs://b: no answer");
      return FakeSource::Next(stop);
    }

   private:
    int calls_ = 0;
  };
  Failing source(world_.objects, world_.ledger, "me", /*chunk_rows=*/3);
  // The writes still fail when the source ends: they must still be retried.
  world_.destination.set_script(
      [](uint64_t n) { return n < 3 ? FakeWrite::kRetry : FakeWrite::kDurable; });
  const RunReport report = RunWith(world_, source);
  EXPECT_TRUE(absl::IsUnavailable(report.status)) << report.status;
  EXPECT_EQ(report.counts.accepted, 6u);
  EXPECT_EQ(report.counts.pending(), 0u);
  EXPECT_EQ(report.first_error, "listing gs://b: no answer");
  EXPECT_EQ(Entry(0).position.row, 6u);
  EXPECT_EQ(Entry(0).owner, "");
  EXPECT_EQ(Entry(0).last_error, "listing gs://b: no answer");
}

class WaitingSource : public FakeSource {
 public:
  WaitingSource(const std::vector<FakeObject>& objects, Ledger& ledger, absl::Notification& input)
      : FakeSource(objects, ledger, "me", /*chunk_rows=*/4), input_(input) {}

  bool Ready() override { return (calls_ == 0 || input_.HasBeenNotified()) && FakeSource::Ready(); }
  absl::StatusOr<std::unique_ptr<Chunk>> Next(std::stop_token stop) override {
    if (calls_++ > 0) input_.WaitForNotification();
    return FakeSource::Next(stop);
  }

 private:
  absl::Notification& input_;
  int calls_ = 0;
};

// If a small batch waited for more input, this would not end.
TEST_F(RunSourceTest, ASmallBatchDoesNotWaitForInputToArrive) {
  for (const int workers : {1, 4}) {
    PipelineSimulation world;
    world.objects = {MakeFakeObject("one", "a"), MakeFakeObject("two", "a")};
    world.options.initial_writes = world.options.max_writes = workers;
    absl::Notification input;
    world.destination.set_script([&](uint64_t n) {
      if (n == 0) input.Notify();
      return FakeWrite::kDurable;
    });
    WaitingSource source(world.objects, world.ledger, input);
    const RunReport report = RunWith(world, source);
    EXPECT_TRUE(report.status.ok());
    EXPECT_EQ(world.CheckComplete(), "");
  }
}

// Has more to give, but a slow store or ledger makes each of its calls but the first one wait.
class SlowSource : public WaitingSource {
 public:
  using WaitingSource::WaitingSource;
  bool Ready() override { return true; }
};

TEST_F(RunSourceTest, ASmallBatchWaitsForASlowSourceNoLongerThanTheDelay) {
  for (const int workers : {1, 4}) {
    PipelineSimulation world;
    world.objects = {MakeFakeObject("one", "a"), MakeFakeObject("two", "a")};
    world.options.initial_writes = world.options.max_writes = workers;
    world.options.max_delay = absl::Milliseconds(5);
    absl::Notification input;
    world.destination.set_script([&](uint64_t n) {
      if (n == 0) input.Notify();
      return FakeWrite::kDurable;
    });
    SlowSource source(world.objects, world.ledger, input);
    const RunReport report = RunWith(world, source);
    EXPECT_TRUE(report.status.ok());
    EXPECT_EQ(world.CheckComplete(), "");
  }
}

TEST_F(RunSourceTest, ABatchIsJoinedWithWhatCanBeReadInTime) {
  world_.objects = {MakeFakeObject("one", "a"), MakeFakeObject("two", "a"),
                    MakeFakeObject("three", "a")};
  world_.options.max_delay = absl::InfiniteDuration();
  const RunReport report = world_.Run("me");
  EXPECT_TRUE(report.status.ok());
  EXPECT_EQ(report.writes, 1u);
}

TEST_F(RunSourceTest, AStopEndsAReadThatNobodyWaitsForAnyMore) {
  AddRows("one", 8);
  world_.options.max_delay = absl::Milliseconds(5);
  class Hanging : public FakeSource {
   public:
    using FakeSource::FakeSource;
    absl::StatusOr<std::unique_ptr<Chunk>> Next(std::stop_token stop) override {
      if (calls_++ == 0) return FakeSource::Next(stop);
      absl::Notification stopped;
      const std::stop_callback wake(stop, [&] { stopped.Notify(); });
      stopped.WaitForNotification();
      return absl::CancelledError("stopped");
    }

   private:
    int calls_ = 0;
  };
  std::stop_source stop;
  world_.destination.set_script([&](uint64_t) {
    stop.request_stop();
    return FakeWrite::kDurable;
  });
  Hanging source(world_.objects, world_.ledger, "me", 4);
  const RunReport report = RunWith(world_, source, {}, stop.get_token());
  EXPECT_TRUE(absl::IsCancelled(report.status)) << report.status;
  EXPECT_EQ(report.counts.accepted, 4u);
  EXPECT_EQ(Entry(0).owner, "");
}

class BrokenSource : public FakeSource {
 public:
  using Break = std::function<void(int n, std::unique_ptr<Chunk>&)>;
  BrokenSource(PipelineSimulation& world, Break break_chunk)
      : FakeSource(world.objects, world.ledger, "me", 4), break_(std::move(break_chunk)) {}
  absl::StatusOr<std::unique_ptr<Chunk>> Next(std::stop_token stop) override {
    absl::StatusOr<std::unique_ptr<Chunk>> chunk = FakeSource::Next(stop);
    if (chunk.ok() && *chunk != nullptr) break_(n_++, *chunk);
    return chunk;
  }

 private:
  const Break break_;
  int n_ = 0;
};

TEST_F(RunSourceTest, ASourceThatBreaksItsContractStopsTheRun) {
  const std::vector<BrokenSource::Break> breaks = {
      [](int n, auto& chunk) { chunk->first_row += n == 1; },
      [](int n, auto& chunk) { chunk->after.row += n == 1; },
      [](int n, auto& chunk) {
        if (n == 1) chunk->object = std::make_shared<const LedgerEntry>(*chunk->object);
      },
      [](int n, auto& chunk) { chunk->last = chunk->last || n == 0; },
      [](int n, auto& chunk) {
        if (n == 0) chunk->error = absl::DataLossError("cut");
      },
      [](int n, auto& chunk) {
        if (n == 2) chunk.reset();
      }};
  for (size_t i = 0; i < breaks.size(); ++i) {
    PipelineSimulation world;
    world.objects = {MakeFakeObject("one", "a a a a a a a a a a")};
    BrokenSource source(world, breaks[i]);
    const RunReport report = RunWith(world, source);
    EXPECT_TRUE(absl::IsInternal(report.status)) << i << ": " << report.status;
  }
}

TEST_F(RunSourceTest, ATransformThatForgetsARowStopsTheRun) {
  AddRows("one", 5);
  class Unacknowledging : public FakeTransform {
   public:
    void Begin(Chunk& chunk) override {
      static_cast<FakePayload&>(*chunk.payload).rows[0] = "";
      FakeTransform::Begin(chunk);
    }
  };
  FakeSource source(world_.objects, world_.ledger, "me", 4);
  const RunReport report = RunWith(
      world_, source, {.make_transform = [] { return std::make_unique<Unacknowledging>(); }});
  EXPECT_TRUE(absl::IsInternal(report.status)) << report.status;
  EXPECT_EQ(Entry(0).position.row, 0u);
  EXPECT_EQ(report.counts.accepted, 0u);
}

}  // namespace
}  // namespace millrace
