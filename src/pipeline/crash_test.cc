// The guarantee, step by step: a run is killed at every single step it takes in the world outside,
// and the next run must find the truth in the ledger and finish the work.
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/log.h"
#include "base/strings.h"
#include "pipeline/testing/fake_world.h"

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

std::unique_ptr<FakeWorld> NewWorld() {
  auto world = std::make_unique<FakeWorld>();
  world->objects = SmallObjects();
  return world;
}

class Crash : public testing::Test {
 protected:
  static void SetUpTestSuite() { SetLogLevel(Severity::kError); }
  static void TearDownTestSuite() { SetLogLevel(Severity::kInfo); }
};

// A later process: the claims of dead ones have run out.
void Finish(FakeWorld& world) {
  world.clock.Advance(2 * world.options.lease);
  const RunReport report = world.Run("last");
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.counts.pending(), 0u);
  EXPECT_EQ(world.CheckComplete(), "");
}

// Kills at step 0, 1, 2, ... until a run is through before its step comes. Returns the steps.
template <typename Setup>
uint64_t KillAtEachStep(Setup setup) {
  for (uint64_t step = 0;; ++step) {
    SCOPED_TRACE(StrCat("killed at step ", step));
    const std::unique_ptr<FakeWorld> world = NewWorld();
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

TEST_F(Crash, AtEachStepOfOneWorker) {
  const uint64_t steps = KillAtEachStep([](FakeWorld&) {});
  EXPECT_GT(steps, 60u);
}

TEST_F(Crash, AtEachStepWithEachChunkWrittenAlone) {
  KillAtEachStep([](FakeWorld& world) {
    world.options.join_rows = 1;
    world.chunk_rows = 1;
  });
}

TEST_F(Crash, AtEachStepWithStoresAtTheEndOnly) {
  KillAtEachStep([](FakeWorld& world) { world.options.ledger_interval = absl::Hours(1); });
}

TEST_F(Crash, AtEachStepOfSeveralWorkers) {
  KillAtEachStep([](FakeWorld& world) {
    world.options.initial_writes = 3;
    world.options.most_writes = 3;
    world.options.join_rows = 2;
    world.chunk_rows = 2;
  });
}

TEST_F(Crash, AtEachStepWhileWritesFail) {
  KillAtEachStep([](FakeWorld& world) {
    world.destination.set_script([](uint64_t n) {
      constexpr FakeWrite kScript[] = {FakeWrite::kReplyLost, FakeWrite::kDurable,
                                       FakeWrite::kRetry, FakeWrite::kThrottled};
      return kScript[n % 4];
    });
  });
}

TEST_F(Crash, TwiceInARow) {
  for (uint64_t first = 0; first < 80; first += 3) {
    for (uint64_t second = 0; second < 60; second += 4) {
      SCOPED_TRACE(StrCat("killed at steps ", first, " and ", second));
      const std::unique_ptr<FakeWorld> world = NewWorld();
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
TEST_F(Crash, OfTheMachineBringsTheLedgerBackToAnEarlierState) {
  for (uint64_t step = 0; step < 100; ++step) {
    SCOPED_TRACE(StrCat("killed at step ", step));
    const std::unique_ptr<FakeWorld> world = NewWorld();
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

// What a random world and its random schedule are made of.
class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}
  uint64_t Below(uint64_t n) { return random_() % n; }
  bool OneIn(uint64_t n) { return Below(n) == 0; }

 private:
  std::mt19937_64 random_;
};

std::unique_ptr<FakeWorld> RandomWorld(Dice& dice) {
  auto world = std::make_unique<FakeWorld>();
  const uint64_t objects = 1 + dice.Below(6);
  for (uint64_t o = 0; o < objects; ++o) {
    std::string letters;
    for (uint64_t rows = dice.Below(40); rows > 0; --rows) {
      constexpr const char* kRows[] = {"a", "a", "a", "a", "aa", "f", "r", "x", "axa", "xx"};
      StrAppend(&letters, kRows[dice.Below(10)], " ");
    }
    world->objects.push_back(MakeFakeObject(StrCat("object ", o), letters));
    if (dice.OneIn(8)) world->objects.back().error = absl::DataLossError("cut");
  }
  world->chunk_rows = 1 + dice.Below(7);
  world->options.initial_writes = static_cast<int>(1 + dice.Below(4));
  world->options.most_writes = world->options.initial_writes + static_cast<int>(dice.Below(3));
  world->options.join_rows = 1 + dice.Below(20);
  world->options.most_bytes = dice.OneIn(3) ? 500 : 1 << 20;
  world->options.ledger_interval = dice.OneIn(2) ? absl::ZeroDuration() : absl::Seconds(1);
  world->destination.set_script([seed = dice.Below(1'000'000)](uint64_t n) {
    switch (Dice(seed + n).Below(40)) {
      case 0:
      case 1:
      case 2:
        return FakeWrite::kRetry;
      case 3:
      case 4:
      case 5:
        return FakeWrite::kReplyLost;
      case 6:
        return FakeWrite::kThrottled;
      case 7:
        return FakeWrite::kStop;
      default:
        return FakeWrite::kDurable;
    }
  });
  return world;
}

TEST_F(Crash, RandomSchedules) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(StrCat("seed ", seed));
    Dice dice(seed);
    const std::unique_ptr<FakeWorld> world = RandomWorld(dice);
    for (uint64_t run = dice.Below(4); run > 0; --run) {
      CrashPoint crash(dice.Below(200));
      const RunReport report = world->RunUntilCrash(StrCat("run ", run), crash);
      EXPECT_EQ(world->CheckPromise(), "");
      EXPECT_TRUE(!report.status.ok() || report.counts.pending() == 0);
      if (dice.OneIn(2)) world->clock.Advance(2 * world->options.lease);
    }
    world->destination.set_script([](uint64_t) { return FakeWrite::kDurable; });
    Finish(*world);
    if (HasFailure()) return;
  }
}

TEST_F(Crash, TwoRunsShareOneLedger) {
  for (uint64_t seed = 1000; seed < 1200; ++seed) {
    SCOPED_TRACE(StrCat("seed ", seed));
    Dice dice(seed);
    const std::unique_ptr<FakeWorld> world = RandomWorld(dice);
    world->options.lease = absl::Hours(10);  // retries move the clock, and neither may be late
    CrashPoint one_dies(dice.Below(100));
    CrashPoint other_lives(1'000'000);
    std::thread one([&] { world->RunBesideOthersUntilCrash("one", one_dies); });
    std::thread other([&] { world->RunBesideOthersUntilCrash("other", other_lives); });
    one.join();
    other.join();
    EXPECT_EQ(world->CheckPromise(), "");
    world->destination.set_script([](uint64_t) { return FakeWrite::kDurable; });
    Finish(*world);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace millrace
