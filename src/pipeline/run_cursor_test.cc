// A run into a destination that keeps a cursor.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "pipeline/testing/run_fixture.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class RunCursorTest : public RunTest {
 protected:
  void SetUp() override { world_.KeepCursor(); }
};

// A cursor in front of another one, whose claims fail as scripted.
class FailingCursor : public DeliveryCursor {
 public:
  using Script = std::function<absl::Status(int n)>;
  FailingCursor(DeliveryCursor& cursor, Script script)
      : cursor_(cursor), script_(std::move(script)) {}

  absl::StatusOr<RowRanges> Claim(const LedgerKey& object, const std::string& writer,
                                  std::stop_token stop) override {
    RETURN_IF_ERROR(script_(claims_++));
    return cursor_.Claim(object, writer, stop);
  }
  absl::Status Forget(const LedgerKey& object, std::stop_token stop) override {
    return cursor_.Forget(object, stop);
  }
  void Release(const LedgerKey& object, const std::string& writer, bool delivered) override {
    cursor_.Release(object, writer, delivered);
  }
  int claims() const { return claims_; }

 private:
  DeliveryCursor& cursor_;
  const Script script_;
  int claims_ = 0;
};

TEST_F(RunCursorTest, WhatTheLedgerForgotIsNotSentAgain) {
  AddObject("one", "a r a axa a f aa a a a");
  world_.Run("me");
  const size_t writes = world_.destination.BatchSizes().size();
  world_.ledger.Restore({});
  const RunReport report = world_.Run("me again");
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.counts.accepted, 7u);
  EXPECT_EQ(report.counts.rejected, 2u);
  EXPECT_THAT(world_.destination.BatchSizes(), testing::SizeIs(writes + 1));
  EXPECT_EQ(world_.destination.BatchSizes().back(), 3u) << "the row that is refused";
  EXPECT_EQ(world_.CheckComplete(), "");
}

TEST_F(RunCursorTest, AnUnavailableCursorIsTriedAgain) {
  AddRows("one", 6);
  FailingCursor cursor(*world_.destination.cursor(), [](int n) {
    return n < 3 ? absl::UnavailableError("connection lost") : absl::OkStatus();
  });
  FakeSource source(world_.objects, world_.ledger, "me", 4);
  const RunReport report = RunWith(world_, source, {.cursor = &cursor});
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(cursor.claims(), 4);
  EXPECT_EQ(world_.CheckComplete(), "");
}

TEST_F(RunCursorTest, ACursorThatFailsEndsTheRun) {
  AddRows("one", 6);
  FailingCursor cursor(*world_.destination.cursor(),
                       [](int) { return absl::PermissionDeniedError("no SELECT"); });
  FakeSource source(world_.objects, world_.ledger, "me", 4);
  const RunReport report = RunWith(world_, source, {.cursor = &cursor});
  EXPECT_TRUE(absl::IsPermissionDenied(report.status)) << report.status;
  EXPECT_EQ(report.first_error, "claiming one: no SELECT");
  EXPECT_EQ(report.writes, 0u);
  EXPECT_EQ(Entry(0).owner, "");
}

// A process with a ledger of its own, of which the ledger of this one knows nothing.
TEST_F(RunCursorTest, AWriterWithAnotherLedgerFencesThisOne) {
  AddRows("one", 40);
  AddRows("two", 4);
  world_.options.join_rows = 4;
  class Intruder : public Sink {
   public:
    explicit Intruder(FakeDestination& destination)
        : destination_(destination), sink_(destination.NewSink()) {}
    WriteResult Write(const Batch& batch, absl::Span<const BatchSpan> spans,
                      std::stop_token stop) override {
      if (writes_++ == 4) {
        EXPECT_TRUE(destination_.cursor()->Claim(*spans[0].object, "stranger/1", {}).ok());
      }
      return sink_->Write(batch, spans, std::move(stop));
    }

   private:
    FakeDestination& destination_;
    const std::unique_ptr<Sink> sink_;
    int writes_ = 0;
  };
  FakeSource source(world_.objects, world_.ledger, "me", 4);
  const RunReport report =
      RunWith(world_, source,
              {.make_sink = [&] { return std::make_unique<Intruder>(world_.destination); }});
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.objects_lost, 1u);
  EXPECT_EQ(report.objects_done, 2u) << "it was claimed again";
  EXPECT_EQ(report.counts.accepted, 44u);
  EXPECT_EQ(report.counts.pending(), 0u);
  EXPECT_THAT(source.given_up(), ElementsAre(world_.objects[0].key));
  EXPECT_EQ(world_.CheckComplete(), "");
}

TEST_F(RunCursorTest, TwoProcessesWithDifferentLedgersDeliverEachRowOnce) {
  AddRows("one", 60);
  AddObject("two", "a r a x a a a a f a axa a a");
  world_.options.join_rows = 3;
  MemoryLedger other_ledger(world_.clock);
  MemoryDeadLetterQueue other_dead_letter;
  class Interrupting : public FakeSource {
   public:
    Interrupting(PipelineSimulation& world, std::function<void()> interruption)
        : FakeSource(world.objects, world.ledger, "me", 3),
          interruption_(std::move(interruption)) {}
    absl::StatusOr<std::unique_ptr<Chunk>> Next(std::stop_token stop) override {
      if (calls_++ == 5) interruption_();
      return FakeSource::Next(std::move(stop));
    }

   private:
    const std::function<void()> interruption_;
    int calls_ = 0;
  };
  Interrupting source(world_, [&] {
    FakeSource others(world_.objects, other_ledger, "other", 5);
    const RunReport report =
        RunWith(world_, others, {.ledger = &other_ledger, .dead_letter = &other_dead_letter});
    EXPECT_TRUE(report.status.ok()) << report.status;
  });
  const RunReport report = RunWith(world_, source);
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.objects_lost, 1u);
  EXPECT_EQ(world_.CheckComplete(), "");
  EXPECT_EQ(other_ledger.Find(world_.objects[0].key)->state, LedgerState::kDone);
}

TEST_F(RunCursorTest, EachWriterIsReleasedOnce) {
  AddObject("one", "a r a a");
  AddObject("two", "a a");
  AddRows("three", 4);
  world_.Run("me");
  EXPECT_THAT(world_.destination.Releases(),
              testing::UnorderedElementsAre("one delivered", "two delivered", "three delivered"));
}

TEST_F(RunCursorTest, AWriterWhoseRunStopsIsReleasedWithoutItsObject) {
  AddRows("one", 4);
  world_.destination.set_script(Always(FakeWrite::kStop));
  world_.Run("me");
  EXPECT_THAT(world_.destination.Releases(), ElementsAre("one"));
}

TEST_F(RunCursorTest, ASinkThatFencesAnUnknownSpanStopsTheRun) {
  AddRows("one", 3);
  class Wrong : public Sink {
   public:
    WriteResult Write(const Batch&, absl::Span<const BatchSpan> spans, std::stop_token) override {
      return WriteResult::Durable({}, {spans.size()});
    }
  };
  FakeSource source(world_.objects, world_.ledger, "me", 4);
  const RunReport report =
      RunWith(world_, source, {.make_sink = [] { return std::make_unique<Wrong>(); }});
  EXPECT_TRUE(absl::IsInternal(report.status)) << report.status;
  EXPECT_THAT(std::string(ToStd(report.status.message())), HasSubstr("unknown span"));
}

}  // namespace
}  // namespace millrace
