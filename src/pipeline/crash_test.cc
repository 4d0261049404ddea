// The guarantee, step by step: a run is killed at every single external step, and the next run must
// find a correct ledger and finish the work.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/strings.h"
#include "pipeline/testing/run_fixture.h"

namespace millrace {
namespace {

std::vector<FakeObject> SmallObjects() {
  std::vector<FakeObject> objects = {MakeFakeObject("mixed", "a r a f axa a x aa r a a"),
                                     MakeFakeObject("empty", ""),
                                     MakeFakeObject("even", "a a f r"),
                                     MakeFakeObject("bad", "r x r"),
                                     MakeFakeObject("filtered", "f f f f f"),
                                     MakeFakeObject("cut", "a x r a a")};
  objects.back().error = absl::DataLossError("cut at byte 50");
  return objects;
}

// What a random world and its random schedule are made of.
class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}
  uint64_t Below(uint64_t n) { return random_() % n; }
  bool OneIn(uint64_t n) { return Below(n) == 0; }

 private:
  std::mt19937_64 random_;
};

enum class Kind { kDirect, kWithCursor, kStaged };

// The parameter is the kind of the destination.
class Crash : public testing::TestWithParam<Kind> {
 protected:
  using Setup = std::function<void(PipelineSimulation&)>;

  static void SetUpTestSuite() { SetLogLevel(Severity::kError); }
  static void TearDownTestSuite() { SetLogLevel(Severity::kInfo); }

  std::unique_ptr<PipelineSimulation> NewWorld() const {
    auto world = std::make_unique<PipelineSimulation>();
    if (GetParam() == Kind::kWithCursor) world->KeepCursor();
    if (GetParam() == Kind::kStaged) world->UseStaging();
    world->objects = SmallObjects();
    return world;
  }
  uint64_t KillAtEachStep(const Setup& setup) const;
  void TakeOverAtEachStep(uint64_t other_steps, const Setup& setup) const;
  std::unique_ptr<PipelineSimulation> RandomWorld(Dice& dice) const;
};

// A later process: the claims of dead ones have expired, and all objects can be read. Objects begun
// under another config stay with that config.
void Finish(PipelineSimulation& world) {
  world.read_fault = nullptr;
  const bool changed = !world.earlier_objects.empty();
  for (const char* config : {"changed", "c"}) {
    if (changed) {
      world.ChangeConfig(config);
    } else if (config == std::string_view("changed")) {
      continue;
    }
    world.clock.Advance(2 * world.options.lease);
    const RunReport report = world.Run("last");
    EXPECT_TRUE(report.status.ok()) << report.status;
    EXPECT_EQ(report.counts.pending(), 0u);
  }
  EXPECT_EQ(world.CheckComplete(), "");
}

// Kills at step 0, 1, 2, ... until a run is through before its step comes. Returns the steps.
uint64_t Crash::KillAtEachStep(const Setup& setup) const {
  for (uint64_t step = 0;; ++step) {
    SCOPED_TRACE(StrCat("killed at step ", step));
    const std::unique_ptr<PipelineSimulation> world = NewWorld();
    setup(*world);
    CrashPoint crash(step);
    const RunReport report = world->RunUntilCrash("first", crash);
    EXPECT_EQ(world->CheckPromise(), "");
    if (!crash.dead()) {
      EXPECT_TRUE(report.status.ok()) << report.status;
      EXPECT_EQ(world->CheckComplete(), "");
      return step;
    }
    Finish(*world);
    if (testing::Test::HasFailure() || step > 10'000) return step;
  }
}

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

// Chunks that take several writes each.
void FanOut(PipelineSimulation& world) {
  world.objects = {MakeFakeObject("wide", "aaaa r aaxaaa f aaaaaaaa aaaaa a aax r"),
                   MakeFakeObject("one row", "aaaaaaaaaaaa"),
                   MakeFakeObject("cut", "aaaa axa aaaa")};
  world.objects.back().error = absl::DataLossError("cut at byte 30");
  world.options.write_batch_bytes = 150;
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

// Another process takes everything over at each step of one that does not know, and gets as far as
// `other_steps`.
void Crash::TakeOverAtEachStep(uint64_t other_steps, const Setup& setup) const {
  for (uint64_t step = 0;; ++step) {
    SCOPED_TRACE(StrCat("taken over at step ", step, " by one of ", other_steps, " steps"));
    const std::unique_ptr<PipelineSimulation> world = NewWorld();
    setup(*world);
    world->leases_were_lost = true;
    CrashPoint crash(1'000'000);
    crash.InterruptAt(step, [&world = *world, other_steps] {
      world.clock.Advance(2 * world.options.lease);
      CrashPoint other(other_steps);
      world.RunBesideOthersUntilCrash("other", other);
      EXPECT_EQ(world.CheckPromise(), "");
    });
    const RunReport report = world->RunBesideOthersUntilCrash("first", crash);
    EXPECT_TRUE(report.status.ok()) << report.status;
    EXPECT_EQ(report.counts.pending(), 0u);
    EXPECT_EQ(world->CheckPromise(), "");
    Finish(*world);
    if (testing::Test::HasFailure() || crash.taken() <= step) return;
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

// After a crash of the machine the ledger may be at an earlier state it had; dead letters, which
// are synced, are not.
TEST_P(Crash, OfTheMachineBringsTheLedgerBackToAnEarlierState) {
  if (GetParam() == Kind::kStaged) GTEST_SKIP() << "announced commits survive a power loss";
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

std::unique_ptr<PipelineSimulation> Crash::RandomWorld(Dice& dice) const {
  std::unique_ptr<PipelineSimulation> world = NewWorld();
  world->objects.clear();
  const uint64_t objects = 1 + dice.Below(6);
  for (uint64_t o = 0; o < objects; ++o) {
    std::string letters;
    for (uint64_t rows = dice.Below(40); rows > 0; --rows) {
      constexpr const char* kRows[] = {"a", "a", "a",   "a",  "aa",        "f",
                                       "r", "x", "axa", "xx", "aaaaaaaaa", "aaaxaaaaxa"};
      StrAppend(&letters, kRows[dice.Below(12)], " ");
    }
    world->objects.push_back(MakeFakeObject(StrCat("object ", o), letters));
    if (dice.OneIn(8)) world->objects.back().error = absl::DataLossError("cut");
  }
  world->chunk_rows = 1 + dice.Below(7);
  world->options.initial_writes = static_cast<int>(1 + dice.Below(4));
  world->options.max_writes = world->options.initial_writes + static_cast<int>(dice.Below(3));
  world->options.join_rows = 1 + dice.Below(20);
  world->options.max_bytes = dice.OneIn(3) ? 500 : 1 << 20;
  world->options.write_batch_bytes = dice.OneIn(2) ? 50 + dice.Below(500) : 1 << 20;
  if (dice.OneIn(2)) {
    world->read_fault = [seed = dice.Below(1'000'000),
                         calls = std::make_shared<std::atomic<uint64_t>>(0)](const FakeObject&,
                                                                             uint64_t) {
      return Dice(seed + calls->fetch_add(1)).OneIn(15)
                 ? absl::UnavailableError("the store is unavailable")
                 : absl::OkStatus();
    };
  }
  world->options.ledger_interval = dice.OneIn(2) ? absl::ZeroDuration() : absl::Seconds(1);
  world->set_write_script([seed = dice.Below(1'000'000)](uint64_t n) {
    switch (Dice(seed + n).Below(40)) {
      case 0:
      case 1:
      case 2:
        return FakeWrite::kRetry;
      case 3:
      case 4:
      case 5:
        return FakeWrite::kResponseLost;
      case 6:
        return FakeWrite::kThrottled;
      case 39:
        return FakeWrite::kStop;
      default:
        return FakeWrite::kDurable;
    }
  });
  return world;
}

TEST_P(Crash, RandomSchedules) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(StrCat("seed ", seed));
    Dice dice(seed);
    // The config changes once, after the first run.
    bool config_changes = dice.OneIn(3);
    const std::unique_ptr<PipelineSimulation> world = RandomWorld(dice);
    for (uint64_t run = dice.Below(4); run > 0; --run) {
      CrashPoint crash(dice.Below(200));
      if (dice.OneIn(4)) {
        world->leases_were_lost = true;
        crash.InterruptAt(dice.Below(100), [&world = *world, steps = dice.Below(150)] {
          world.clock.Advance(2 * world.options.lease);
          CrashPoint other(steps);
          world.RunBesideOthersUntilCrash("other", other);
        });
      }
      const RunReport report = world->RunUntilCrash(StrCat("run ", run), crash);
      EXPECT_EQ(world->CheckPromise(), "");
      EXPECT_TRUE(!report.status.ok() || report.counts.pending() == 0);
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

// Leases are shorter than the waits between tries, so that each run loses objects to the other,
// which may die; a run that has lost one offers it again, until one of them finishes it.
TEST_P(Crash, RunsThatLiveLoseTheirLeases) {
  for (uint64_t seed = 2000; seed < 2300; ++seed) {
    SCOPED_TRACE(StrCat("seed ", seed));
    Dice dice(seed);
    const std::unique_ptr<PipelineSimulation> world = RandomWorld(dice);
    world->options.lease = absl::Seconds(3);
    MemoryDeadLetterQueue dead_letters[2];
    world->elsewhere = {&dead_letters[0], &dead_letters[1]};
    world->leases_were_lost = true;
    CrashPoint one_may_die(dice.OneIn(3) ? dice.Below(100) : 1'000'000);
    CrashPoint other_lives(1'000'000);
    RunReport reports[2];
    std::thread one(
        [&] { reports[0] = world->RunElsewhereUntilCrash("one", dead_letters[0], one_may_die); });
    std::thread other(
        [&] { reports[1] = world->RunElsewhereUntilCrash("other", dead_letters[1], other_lives); });
    one.join();
    other.join();
    EXPECT_EQ(world->CheckPromise(), "");
    Counts reported, recorded;
    for (const RunReport& report : reports) {
      EXPECT_TRUE(!report.status.ok() || report.counts.pending() == 0);
      reported += report.counts;
    }
    for (const auto& [key, entry] : world->ledger.Snapshot()) recorded += entry.counts;
    if (!one_may_die.dead()) {
      EXPECT_EQ(reported.accepted, recorded.accepted) << "what each has recorded counts once";
      EXPECT_EQ(reported.rejected, recorded.rejected);
      EXPECT_EQ(reported.filtered, recorded.filtered);
    }
    world->set_write_script([](uint64_t) { return FakeWrite::kDurable; });
    Finish(*world);
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(, Crash, testing::Values(Kind::kDirect, Kind::kWithCursor, Kind::kStaged),
                         [](const testing::TestParamInfo<Kind>& info) {
                           if (info.param == Kind::kDirect) return "Direct";
                           return info.param == Kind::kStaged ? "Staged" : "WithCursor";
                         });

}  // namespace
}  // namespace millrace
