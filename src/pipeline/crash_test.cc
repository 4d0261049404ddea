// The guarantee, step by step: a run is killed at every single external step, and the next run must
// find a correct ledger and finish the work.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "pipeline/testing/crash_fixture.h"

namespace millrace {
namespace {

// The parameter is the kind of the destination.
class Crash : public CrashTest, public testing::WithParamInterface<DestinationKind> {
 protected:
  DestinationKind kind() const override { return GetParam(); }
};
using CrashOfTheMachine = Crash;

TEST_P(Crash, AtEachStepOfOneWorker) {
  const uint64_t steps = KillAtEachStep([](PipelineSimulation&) {});
  EXPECT_GT(steps, 60u);
}

TEST_P(Crash, AtEachStepWithEachChunkWrittenAlone) {
  KillAtEachStep([](PipelineSimulation& world) {
    world.options.join_rows = 1;
    world.chunk_rows = 1;
  });
}

TEST_P(Crash, AtEachStepWithStoresAtTheEndOnly) {
  KillAtEachStep([](PipelineSimulation& world) { world.options.ledger_interval = absl::Hours(1); });
}

TEST_P(Crash, AtEachStepOfSeveralWorkers) {
  KillAtEachStep([](PipelineSimulation& world) {
    world.options.initial_writes = 3;
    world.options.max_writes = 3;
    world.options.join_rows = 2;
    world.chunk_rows = 2;
  });
}

TEST_P(Crash, AtEachStepWhileWritesFail) {
  KillAtEachStep([](PipelineSimulation& world) {
    world.set_write_script([](uint64_t n) {
      constexpr FakeWrite kScript[] = {FakeWrite::kResponseLost, FakeWrite::kDurable,
                                       FakeWrite::kRetry, FakeWrite::kThrottled};
      return kScript[n % 4];
    });
  });
}

TEST_P(Crash, AtEachStepWithACursorThatForgetsDeliveredObjects) {
  KillAtEachStep([](PipelineSimulation& world) { world.destination.ForgetDelivered(); });
}

TEST_P(Crash, AtEachStepWhileRowsFanOut) {
  const uint64_t steps = KillAtEachStep(FanOut);
  EXPECT_GT(steps, 60u);
}

TEST_P(Crash, AtEachStepOfSeveralWorkersWhileRowsFanOut) {
  KillAtEachStep([](PipelineSimulation& world) {
    FanOut(world);
    world.options.initial_writes = world.options.max_writes = 3;
    world.options.join_rows = 2;
    world.chunk_rows = 2;
    world.set_write_script(
        [](uint64_t n) { return n % 5 == 3 ? FakeWrite::kResponseLost : FakeWrite::kDurable; });
  });
}

// An object that cannot be read further fails alone; a later process resumes after what was read.
TEST_P(Crash, AtEachStepWhileAnObjectFailsInTheMiddle) {
  for (const uint64_t fails_at : {0, 4, 8}) {
    for (uint64_t step = 0;; ++step) {
      SCOPED_TRACE(StrCat("killed at step ", step, ", failing at row ", fails_at));
      const std::unique_ptr<PipelineSimulation> world = NewWorld();
      world->read_fault = [fails_at](const FakeObject& object, uint64_t row) {
        const bool fails = object.key.object == "mixed" && row == fails_at;
        return fails ? absl::UnavailableError("the store is unavailable") : absl::OkStatus();
      };
      CrashPoint crash(step);
      const RunReport report = world->RunUntilCrash("first", crash);
      EXPECT_EQ(world->CheckPromise(), "");
      if (!crash.dead()) {
        EXPECT_TRUE(report.status.ok()) << report.status;
        EXPECT_EQ(report.objects_failed, 2u);
        EXPECT_EQ(world->ledger.Find(world->objects[0].key)->position.row, fails_at);
      }
      Finish(*world);
      if (HasFailure()) return;
      if (!crash.dead()) break;
    }
  }
}

TEST_P(Crash, AnotherOwnerTakesOverAtEachStep) {
  for (const uint64_t other_steps : {4, 17, 40, 1'000'000}) {
    TakeOverAtEachStep(other_steps, [](PipelineSimulation&) {});
  }
}

TEST_P(Crash, AnotherOwnerTakesOverAtEachStepWhileRowsFanOut) {
  for (const uint64_t other_steps : {25, 1'000'000}) TakeOverAtEachStep(other_steps, FanOut);
}

TEST_P(Crash, AnotherOwnerTakesOverAtEachStepOfSeveralWorkers) {
  TakeOverAtEachStep(30, [](PipelineSimulation& world) {
    world.options.initial_writes = world.options.max_writes = 3;
    world.options.join_rows = 2;
    world.chunk_rows = 2;
  });
}

TEST_P(Crash, TheConfigIsAnotherForAWhileAfterEachStep) {
  for (uint64_t step = 0;; ++step) {
    SCOPED_TRACE(StrCat("killed at step ", step));
    const std::unique_ptr<PipelineSimulation> world = NewWorld();
    CrashPoint crash(step);
    world->RunUntilCrash("first", crash);
    world->clock.Advance(2 * world->options.lease);
    world->ChangeConfig("changed");
    CrashPoint second(step / 2);
    world->RunUntilCrash("second", second);
    EXPECT_EQ(world->CheckPromise(), "");
    Finish(*world);
    if (HasFailure() || !crash.dead()) return;
  }
}

TEST_P(Crash, TwiceInARow) {
  for (uint64_t first = 0; first < 80; first += 3) {
    for (uint64_t second = 0; second < 60; second += 4) {
      SCOPED_TRACE(StrCat("killed at steps ", first, " and ", second));
      const std::unique_ptr<PipelineSimulation> world = NewWorld();
      for (const uint64_t step : {first, second}) {
        CrashPoint crash(step);
        world->RunUntilCrash(StrCat("run ", step), crash);
        EXPECT_EQ(world->CheckPromise(), "");
        world->clock.Advance(2 * world->options.lease);
      }
      Finish(*world);
    }
  }
}

// Announced commits survive a power loss, so this is about the other kinds.
//
// After a crash of the machine the ledger may be at an earlier state it had; dead letters, which
// are synced, are not.
TEST_P(CrashOfTheMachine, BringsTheLedgerBackToAnEarlierState) {
  for (uint64_t step = 0; step < 100; ++step) {
    SCOPED_TRACE(StrCat("killed at step ", step));
    const std::unique_ptr<PipelineSimulation> world = NewWorld();
    CrashPoint earlier(step / 2);
    world->RunUntilCrash("first", earlier);
    MemoryLedger::Rows rows = world->ledger.Snapshot();
    world->clock.Advance(2 * world->options.lease);
    CrashPoint later(step);
    world->RunUntilCrash("second", later);
    world->ledger.Restore(std::move(rows));
    Finish(*world);
  }
}

TEST_P(Crash, RandomSchedules) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(StrCat("seed ", seed));
    Dice dice(seed);
    // The config changes once, after the first run.
    bool config_changes = dice.OneIn(3);
    const std::unique_ptr<PipelineSimulation> world = RandomWorld(dice);
    for (uint64_t run = dice.Below(4); run > 0; --run) {
      RunAtRandom(*world, dice, StrCat("run ", run));
      if (dice.OneIn(2)) world->clock.Advance(2 * world->options.lease);
      if (std::exchange(config_changes, false)) world->ChangeConfig("changed");
    }
    world->set_write_script([](uint64_t) { return FakeWrite::kDurable; });
    Finish(*world);
    if (HasFailure()) return;
  }
}

TEST_P(Crash, TwoRunsShareOneLedger) {
  for (uint64_t seed = 1000; seed < 1200; ++seed) {
    SCOPED_TRACE(StrCat("seed ", seed));
    Dice dice(seed);
    const std::unique_ptr<PipelineSimulation> world = RandomWorld(dice);
    world->options.lease = absl::Hours(10);  // retries move the clock, and neither may be late
    CrashPoint one_dies(dice.Below(100));
    CrashPoint other_lives(1'000'000);
    std::thread one([&] { world->RunBesideOthersUntilCrash("one", one_dies); });
    std::thread other([&] { world->RunBesideOthersUntilCrash("other", other_lives); });
    one.join();
    other.join();
    EXPECT_EQ(world->CheckPromise(), "");
    world->set_write_script([](uint64_t) { return FakeWrite::kDurable; });
    Finish(*world);
    if (HasFailure()) return;
  }
}

// A run that has lost an object offers it again, until one of them finishes it.
TEST_P(Crash, RunsThatLiveLoseTheirLeases) {
  for (uint64_t seed = 2000; seed < 2300; ++seed) {
    SCOPED_TRACE(StrCat("seed ", seed));
    Dice dice(seed);
    const std::unique_ptr<PipelineSimulation> world = RandomWorld(dice);
    const RunsWithShortLeases runs(*world, dice);
    Counts reported, recorded;
    for (const RunReport* report : {&runs.first(), &runs.second()}) {
      EXPECT_TRUE(!report->status.ok() || report->counts.pending() == 0);
      reported += report->counts;
    }
    for (const auto& [key, entry] : world->ledger.Snapshot()) recorded += entry.counts;
    if (!runs.first_died()) {
      EXPECT_LE(reported.accepted, recorded.accepted);
    }
    // A commit that the other one has finished counts in no report.
    if (!runs.first_died() && kind() != DestinationKind::kStaged) {
      EXPECT_EQ(reported.accepted, recorded.accepted) << "what each has recorded counts once";
      EXPECT_EQ(reported.rejected, recorded.rejected);
      EXPECT_EQ(reported.filtered, recorded.filtered);
    }
    world->set_write_script([](uint64_t) { return FakeWrite::kDurable; });
    Finish(*world);
    if (HasFailure()) return;
  }
}

std::string KindName(const testing::TestParamInfo<DestinationKind>& info) {
  if (info.param == DestinationKind::kDirect) return "Direct";
  return info.param == DestinationKind::kStaged ? "Staged" : "WithCursor";
}

INSTANTIATE_TEST_SUITE_P(, Crash,
                         testing::Values(DestinationKind::kDirect, DestinationKind::kWithCursor,
                                         DestinationKind::kStaged),
                         KindName);
INSTANTIATE_TEST_SUITE_P(, CrashOfTheMachine,
                         testing::Values(DestinationKind::kDirect, DestinationKind::kWithCursor),
                         KindName);

}  // namespace
}  // namespace millrace
