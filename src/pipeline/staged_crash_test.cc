// Staged runs that are killed at every step of staging, sealing, announcing, committing and
// settling, while commits are torn. Each accepted event must be visible exactly once at the end,
// and never twice.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "pipeline/testing/crash_fixture.h"

namespace millrace {
namespace {

class StagedCrash : public CrashTest {
 protected:
  DestinationKind kind() const override { return DestinationKind::kStaged; }

  // Small commits of chunks that several workers stage, with rows that a commit refuses.
  static void SmallCommits(PipelineSimulation& world) {
    world.objects = {MakeFakeObject("mixed", "a y a f aya a x yy aa r a a"),
                     MakeFakeObject("empty", ""), MakeFakeObject("filtered", "f f f"),
                     MakeFakeObject("bad", "y y"), MakeFakeObject("cut", "a y r xy a")};
    world.objects.back().error = absl::DataLossError("cut at byte 50");
    world.options.commit.rows = 6;
    world.options.join_rows = 3;
    world.chunk_rows = 2;
  }
  static void SmallCommitsOfSeveralWorkers(PipelineSimulation& world) {
    SmallCommits(world);
    world.options.initial_writes = world.options.max_writes = 3;
  }
  // Each call of a committer has the next outcome of `script`.
  static void Tear(PipelineSimulation& world, std::vector<FakeCommit> script) {
    world.options.retry.give_up_after = absl::Hours(24);  // the clock may move by leases meanwhile
    world.staged_destination.set_commit_script(
        [script = std::move(script)](uint64_t n) { return script[n % script.size()]; });
  }
};

TEST_F(StagedCrash, AtEachStepOfSmallCommits) {
  const uint64_t steps = KillAtEachStep(SmallCommits);
  EXPECT_GT(steps, 100u);
}

TEST_F(StagedCrash, AtEachStepOfSmallCommitsOfSeveralWorkers) {
  KillAtEachStep(SmallCommitsOfSeveralWorkers);
}

TEST_F(StagedCrash, AtEachStepWhileCommitsAreTorn) {
  const std::vector<std::vector<FakeCommit>> scripts = {
      {FakeCommit::kNoAnswer, FakeCommit::kDone},
      {FakeCommit::kResponseLost, FakeCommit::kDone},
      {FakeCommit::kPartly, FakeCommit::kDone},
      {FakeCommit::kLate, FakeCommit::kDone},
      {FakeCommit::kGone, FakeCommit::kDone, FakeCommit::kDone},
      {FakeCommit::kPartly, FakeCommit::kGone, FakeCommit::kNoAnswer, FakeCommit::kDone,
       FakeCommit::kDone},
      {FakeCommit::kLate, FakeCommit::kGone, FakeCommit::kResponseLost, FakeCommit::kDone,
       FakeCommit::kDone}};
  for (size_t i = 0; i < scripts.size(); ++i) {
    SCOPED_TRACE(StrCat("script ", i));
    KillAtEachStep([&](PipelineSimulation& world) {
      SmallCommitsOfSeveralWorkers(world);
      Tear(world, scripts[i]);
    });
    if (HasFailure()) return;
  }
}

TEST_F(StagedCrash, AtEachStepWhilePartsCannotBeSealed) {
  KillAtEachStep([](PipelineSimulation& world) {
    SmallCommits(world);
    world.staged_destination.set_seal_script([](uint64_t n) { return n % 2 == 1; });
  });
}

TEST_F(StagedCrash, AnotherOwnerTakesOverAtEachStepOfSmallCommits) {
  for (const uint64_t other_steps : {6, 23, 60, 1'000'000}) {
    TakeOverAtEachStep(other_steps, SmallCommits);
    if (HasFailure()) return;
  }
}

TEST_F(StagedCrash, AnotherOwnerTakesOverAtEachStepWhileCommitsAreTorn) {
  const std::vector<std::vector<FakeCommit>> scripts = {
      {FakeCommit::kResponseLost, FakeCommit::kPartly, FakeCommit::kDone},
      {FakeCommit::kLate, FakeCommit::kDone, FakeCommit::kGone, FakeCommit::kDone},
      {FakeCommit::kPartly, FakeCommit::kGone, FakeCommit::kDone, FakeCommit::kDone}};
  for (size_t i = 0; i < scripts.size(); ++i) {
    for (const uint64_t other_steps : {30, 1'000'000}) {
      SCOPED_TRACE(StrCat("script ", i));
      TakeOverAtEachStep(other_steps, [&](PipelineSimulation& world) {
        SmallCommitsOfSeveralWorkers(world);
        Tear(world, scripts[i]);
      });
      if (HasFailure()) return;
    }
  }
}

TEST_F(StagedCrash, TheConfigIsAnotherForAWhileAfterEachStep) {
  for (uint64_t step = 0;; ++step) {
    SCOPED_TRACE(StrCat("killed at step ", step));
    const std::unique_ptr<PipelineSimulation> world = NewWorld();
    SmallCommits(*world);
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

// Random limits and random outcomes of everything that a staged destination does.
void TearAtRandom(PipelineSimulation& world, Dice& dice) {
  for (FakeObject& object : world.objects) {
    for (std::string& row : object.rows) {
      if (row.find('a') != std::string::npos && dice.OneIn(8)) row += 'y';
    }
  }
  world.options.commit.rows = 1 + dice.Below(30);
  world.options.commit.bytes = dice.OneIn(3) ? 100 + dice.Below(1000) : 1 << 20;
  world.staged_destination.set_seal_script(
      [seed = dice.Below(1'000'000)](uint64_t n) { return !Dice(seed + n).OneIn(6); });
  world.staged_destination.set_commit_script([seed = dice.Below(1'000'000)](uint64_t n) {
    constexpr FakeCommit kOutcomes[] = {FakeCommit::kNoAnswer, FakeCommit::kResponseLost,
                                        FakeCommit::kPartly,   FakeCommit::kLate,
                                        FakeCommit::kGone,     FakeCommit::kDone};
    Dice call(seed + n);
    if (call.OneIn(60)) return FakeCommit::kStop;
    return call.OneIn(2) ? FakeCommit::kDone : kOutcomes[call.Below(6)];
  });
}

void HealAll(PipelineSimulation& world) {
  world.set_write_script([](uint64_t) { return FakeWrite::kDurable; });
  world.staged_destination.set_seal_script([](uint64_t) { return true; });
  world.staged_destination.set_commit_script([](uint64_t) { return FakeCommit::kDone; });
}

TEST_F(StagedCrash, RandomSchedules) {
  for (uint64_t seed = 5000; seed < 5400; ++seed) {
    SCOPED_TRACE(StrCat("seed ", seed));
    Dice dice(seed);
    const std::unique_ptr<PipelineSimulation> world = RandomWorld(dice);
    TearAtRandom(*world, dice);
    for (uint64_t run = dice.Below(4); run > 0; --run) {
      RunAtRandom(*world, dice, StrCat("run ", run));
      if (dice.OneIn(2)) world->staged_destination.DeliverLate();
      EXPECT_EQ(world->CheckPromise(), "");
      if (dice.OneIn(2)) world->clock.Advance(2 * world->options.lease);
    }
    HealAll(*world);
    Finish(*world);
    world->staged_destination.DeliverLate();
    EXPECT_EQ(world->CheckComplete(), "");
    if (HasFailure()) return;
  }
}

TEST_F(StagedCrash, RunsThatLiveLoseTheirLeases) {
  for (uint64_t seed = 6000; seed < 6300; ++seed) {
    SCOPED_TRACE(StrCat("seed ", seed));
    Dice dice(seed);
    const std::unique_ptr<PipelineSimulation> world = RandomWorld(dice);
    TearAtRandom(*world, dice);
    const RunsWithShortLeases runs(*world, dice);
    HealAll(*world);
    Finish(*world);
    world->staged_destination.DeliverLate();
    EXPECT_EQ(world->CheckComplete(), "");
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace millrace
