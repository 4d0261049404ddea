// Writes that fail, and what ends a run before its input does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "base/strings.h"
#include "pipeline/testing/run_fixture.h"

namespace millrace {
namespace {

using testing::HasSubstr;

using RunStopTest = RunTest;

TEST_F(RunStopTest, WritesAreTriedAgainUntilTheyAreDurable) {
  AddRows("one", 20);
  world_.destination.set_script(
      [](uint64_t n) { return n % 3 == 2 ? FakeWrite::kDurable : FakeWrite::kResponseLost; });
  const RunReport report = world_.Run("me");
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.retries * 3, report.writes * 2);
  EXPECT_EQ(world_.CheckComplete(), "");
}

TEST_F(RunStopTest, GivesUpWhenNothingGoesThrough) {
  AddRows("one", 20);
  AddRows("two", 20);
  world_.options.initial_writes = world_.options.max_writes = 3;
  world_.destination.set_script(Always(FakeWrite::kRetry));
  const RunReport report = world_.Run("me");
  EXPECT_TRUE(absl::IsUnavailable(report.status)) << report.status;
  EXPECT_THAT(report.first_error, HasSubstr("no answer"));
  EXPECT_EQ(report.counts.accepted, 0u);
  EXPECT_EQ(report.counts.pending(), report.counts.read);
  EXPECT_TRUE(Entry(0).maybe_sent) << "what was sent is not known";
  EXPECT_EQ(Entry(0).owner, "");
  EXPECT_LE(Entry(0).lease_until, world_.clock.Now()) << "others need not wait";
  EXPECT_THAT(Entry(0).last_error, HasSubstr("no answer"));
  EXPECT_EQ(world_.CheckPromise(), "");
}

TEST_F(RunStopTest, AStopOfTheSinkStopsTheRun) {
  AddRows("one", 1000);
  world_.options.initial_writes = world_.options.max_writes = 4;
  world_.destination.set_script(
      [](uint64_t n) { return n < 10 ? FakeWrite::kDurable : FakeWrite::kStop; });
  const RunReport report = world_.Run("me");
  EXPECT_TRUE(absl::IsUnauthenticated(report.status)) << report.status;
  EXPECT_EQ(report.first_error, "wrong credentials");
  EXPECT_LE(report.writes, 14u) << "nothing new is read";
  EXPECT_EQ(Entry(0).owner, "");
  EXPECT_EQ(Entry(0).last_error, "wrong credentials");
  EXPECT_EQ(world_.CheckPromise(), "");
}

TEST_F(RunStopTest, ADestinationThatRefusesEverythingStopsTheRun) {
  AddRows("one", 1000);
  AddRows("two", 10);
  world_.options.initial_writes = world_.options.max_writes = 4;
  world_.destination.set_script(Always(FakeWrite::kRefusedWhole));
  const RunReport report = world_.Run("me");
  EXPECT_TRUE(absl::IsFailedPrecondition(report.status)) << report.status;
  EXPECT_THAT(report.first_error, HasSubstr("project is archived"));
  EXPECT_EQ(report.counts.rejected, 0u);
  EXPECT_LE(report.writes, 4u);
  EXPECT_EQ(world_.CheckPromise(), "");
  world_.destination.set_script(Always(FakeWrite::kDurable));
  EXPECT_TRUE(world_.Run("me").status.ok());
  EXPECT_EQ(world_.CheckComplete(), "");
}

// Under another config the same rows would be other events.
TEST_F(RunStopTest, AnObjectOfWhichSomethingMayHaveBeenSentIsLeftToItsConfig) {
  for (const FakeWrite write :
       {FakeWrite::kResponseLost, FakeWrite::kStop, FakeWrite::kRefusedWhole}) {
    PipelineSimulation world;
    world.objects = {MakeFakeObject("one", "a a a")};
    world.destination.set_script(Always(write));
    EXPECT_FALSE(world.Run("me").status.ok());
    world.clock.Advance(2 * world.options.lease);
    world.destination.set_script(Always(FakeWrite::kDurable));
    world.ChangeConfig("changed");
    EXPECT_TRUE(world.Run("other").status.ok());
    const std::optional<LedgerEntry> entry = world.ledger.Find(world.objects[0].key);
    EXPECT_EQ(entry.has_value(), write == FakeWrite::kRefusedWhole);
    EXPECT_EQ(world.CheckPromise(), "");
  }
}

TEST_F(RunStopTest, ABatchRefusedWholeAmongGoodOnesIsRejected) {
  AddRows("one", 60);
  world_.options.join_rows = 1;
  world_.destination.set_script(
      [](uint64_t n) { return n == 5 ? FakeWrite::kRefusedWhole : FakeWrite::kDurable; });
  const RunReport report = world_.Run("me");
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.counts.rejected, 4u);
  EXPECT_EQ(report.counts.accepted, 56u);
  EXPECT_EQ(world_.dead_letter.Durable(world_.objects[0].key).size(), 4u);
}

TEST_F(RunStopTest, ADestinationThatRefusesEverythingFromSomePointOnStopsTheRun) {
  AddRows("one", 1000);
  world_.options.join_rows = 1;
  world_.destination.set_script(
      [](uint64_t n) { return n >= 5 ? FakeWrite::kRefusedWhole : FakeWrite::kDurable; });
  const RunReport report = world_.Run("me");
  EXPECT_TRUE(absl::IsFailedPrecondition(report.status)) << report.status;
  EXPECT_EQ(report.counts.accepted, 20u);
  EXPECT_EQ(report.counts.rejected, 40u);
  EXPECT_GT(report.counts.pending(), 0u);
}

TEST_F(RunStopTest, ASinkThatReportsNothingHasDeliveredNothing) {
  AddRows("one", 3);
  class Unacknowledging : public Sink {
   public:
    WriteResult Write(const Batch&, absl::Span<const BatchSpan>, std::stop_token) override { return WriteResult(); }
  };
  FakeSource source(world_.objects, world_.ledger, "me", 4);
  const RunReport report =
      RunWith(world_, source, {.make_sink = [] { return std::make_unique<Unacknowledging>(); }});
  EXPECT_THAT(std::string(ToStd(report.status.message())),
              HasSubstr("the sink reported no outcome"));
  EXPECT_EQ(Entry(0).position.row, 0u);
}

TEST_F(RunStopTest, AStopBeforeItsStartDoesNothing) {
  AddRows("one", 3);
  std::stop_source stop;
  stop.request_stop();
  const RunReport report = world_.Run("me", stop.get_token());
  EXPECT_TRUE(absl::IsCancelled(report.status));
  EXPECT_EQ(report.counts, Counts());
  EXPECT_EQ(report.first_error, "");
}

TEST_F(RunStopTest, AStopFinishesWhatIsInFlightAndReleasesTheRest) {
  AddRows("one", 100);
  std::stop_source stop;
  world_.destination.set_script([&](uint64_t n) {
    if (n == 5) stop.request_stop();
    return FakeWrite::kDurable;
  });
  const RunReport report = world_.Run("me", stop.get_token());
  EXPECT_TRUE(absl::IsCancelled(report.status)) << report.status;
  EXPECT_EQ(report.writes, 6u);
  EXPECT_EQ(report.counts.accepted, world_.destination.Arrived().size());
  EXPECT_EQ(Entry(0).position.row, report.counts.accepted);
  EXPECT_EQ(Entry(0).owner, "");
  EXPECT_EQ(Entry(0).last_error, "");
  EXPECT_EQ(world_.CheckPromise(), "");
}

TEST_F(RunStopTest, AStopAfterTheLastRowStopsNothing) {
  AddRows("one", 3);
  std::stop_source stop;
  world_.destination.set_script([&](uint64_t) {
    stop.request_stop();
    return FakeWrite::kDurable;
  });
  world_.options.join_rows = 100;  // so the source is read to its end before the write
  const RunReport report = world_.Run("me", stop.get_token());
  EXPECT_EQ(report.counts.accepted, 3u);
  EXPECT_EQ(report.objects_done, 1u);
  EXPECT_TRUE(report.status.ok()) << report.status;
}

TEST_F(RunStopTest, AStopEndsTheWaitOfARetry) {
  AddRows("one", 3);
  std::stop_source stop;
  world_.destination.set_script([&](uint64_t) {
    stop.request_stop();
    return FakeWrite::kResponseLost;
  });
  FakeSource source(world_.objects, world_.ledger, "me", 4);
  const absl::Duration begun = Clock::Real().Elapsed();
  const RunReport report = RunWith(world_, source, {.clock = &Clock::Real()}, stop.get_token());
  EXPECT_LT(Clock::Real().Elapsed() - begun, absl::Seconds(2)) << "the shortest wait is 3 s";
  EXPECT_TRUE(absl::IsCancelled(report.status));
  EXPECT_EQ(report.counts.pending(), 3u) << "what is not known to be delivered is not";
}

// A source that waits for input after its first object, as a queue does.

}  // namespace
}  // namespace millrace
