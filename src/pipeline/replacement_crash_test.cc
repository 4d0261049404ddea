// Runs that replace, killed at every step of claiming, collecting, publishing and recording. What
// is visible must be the old record or all of the new ones at any moment, and the new ones once the
// ledger says so.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "pipeline/testing/crash_fixture.h"

namespace millrace {
namespace {

class ReplacementCrash : public CrashTest {
 protected:
  DestinationKind kind() const override { return DestinationKind::kReplacement; }

  static void SmallChunksOfSeveralWorkers(PipelineSimulation& world) {
    world.options.initial_writes = world.options.max_writes = 3;
    world.options.join_rows = 2;
    world.chunk_rows = 2;
  }
  // Each call of Publish() has the next outcome of `script`.
  static void Fail(PipelineSimulation& world, std::vector<FakePublish> script) {
    world.options.retry.give_up_after = absl::Hours(24);  // the clock may move by leases meanwhile
    world.replaced_destination.set_publish_script(
        [script = std::move(script)](uint64_t n) { return script[n % script.size()]; });
  }
  static const std::vector<std::vector<FakePublish>>& Scripts() {
    static const std::vector<std::vector<FakePublish>> scripts = {
        {FakePublish::kNoAnswer, FakePublish::kDone},
        {FakePublish::kResponseLost, FakePublish::kDone},
        {FakePublish::kResponseLost, FakePublish::kNoAnswer, FakePublish::kDone},
        {FakePublish::kLate, FakePublish::kDone}};
    return scripts;
  }
};

TEST_F(ReplacementCrash, AtEachStepOfOneWorker) {
  const uint64_t steps = KillAtEachStep([](PipelineSimulation&) {});
  EXPECT_GT(steps, 20u);
}

TEST_F(ReplacementCrash, AtEachStepOfSeveralWorkers) {
  KillAtEachStep(SmallChunksOfSeveralWorkers);
}

TEST_F(ReplacementCrash, AtEachStepOfAnObjectWithoutRecords) {
  for (const char* rows : {"", "f f f", "r x"}) {
    KillAtEachStep(
        [&](PipelineSimulation& world) { world.objects = {MakeFakeObject("none", rows)}; });
  }
}

TEST_F(ReplacementCrash, AtEachStepWhilePublishingFails) {
  for (const std::vector<FakePublish>& script : Scripts()) {
    KillAtEachStep([&](PipelineSimulation& world) {
      SmallChunksOfSeveralWorkers(world);
      Fail(world, script);
    });
    if (HasFailure()) return;
  }
}

TEST_F(ReplacementCrash, AnotherOwnerTakesOverAtEachStep) {
  for (const uint64_t other_steps : {6, 15, 30, 1'000'000}) {
    TakeOverAtEachStep(other_steps, SmallChunksOfSeveralWorkers);
    if (HasFailure()) return;
  }
}

TEST_F(ReplacementCrash, AnotherOwnerTakesOverAtEachStepWhilePublishingFails) {
  for (const std::vector<FakePublish>& script : Scripts()) {
    for (const uint64_t other_steps : {20, 1'000'000}) {
      TakeOverAtEachStep(other_steps, [&](PipelineSimulation& world) {
        SmallChunksOfSeveralWorkers(world);
        Fail(world, script);
      });
      if (HasFailure()) return;
    }
  }
}

void FailAtRandom(PipelineSimulation& world, Dice& dice) {
  world.replaced_destination.set_publish_script([seed = dice.Below(1'000'000)](uint64_t n) {
    constexpr FakePublish kOutcomes[] = {FakePublish::kNoAnswer, FakePublish::kResponseLost,
                                         FakePublish::kLate};
    Dice call(seed + n);
    if (call.OneIn(40)) return FakePublish::kStop;
    return call.OneIn(2) ? FakePublish::kDone : kOutcomes[call.Below(3)];
  });
}

void HealAll(PipelineSimulation& world) {
  world.set_write_script([](uint64_t) { return FakeWrite::kDurable; });
  world.replaced_destination.set_publish_script([](uint64_t) { return FakePublish::kDone; });
}

TEST_F(ReplacementCrash, RandomSchedules) {
  for (uint64_t seed = 7000; seed < 7400; ++seed) {
    SCOPED_TRACE(StrCat("seed ", seed));
    Dice dice(seed);
    const std::unique_ptr<PipelineSimulation> world = RandomWorld(dice);
    FailAtRandom(*world, dice);
    for (uint64_t run = dice.Below(4); run > 0; --run) {
      RunAtRandom(*world, dice, StrCat("run ", run));
      if (dice.OneIn(2)) world->replaced_destination.DeliverLate();
      EXPECT_EQ(world->CheckPromise(), "");
      if (dice.OneIn(2)) world->clock.Advance(2 * world->options.lease);
    }
    HealAll(*world);
    Finish(*world);
    world->replaced_destination.DeliverLate();
    EXPECT_EQ(world->CheckComplete(), "");
    if (HasFailure()) return;
  }
}

TEST_F(ReplacementCrash, RunsThatLiveLoseTheirLeases) {
  for (uint64_t seed = 8000; seed < 8300; ++seed) {
    SCOPED_TRACE(StrCat("seed ", seed));
    Dice dice(seed);
    const std::unique_ptr<PipelineSimulation> world = RandomWorld(dice);
    FailAtRandom(*world, dice);
    const RunsWithShortLeases runs(*world, dice);
    HealAll(*world);
    Finish(*world);
    world->replaced_destination.DeliverLate();
    EXPECT_EQ(world->CheckComplete(), "");
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace millrace
