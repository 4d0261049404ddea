#include "pipeline/testing/crash_fixture.h"

#include <atomic>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/log.h"
#include "base/strings.h"

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

}  // namespace

RunsWithShortLeases::RunsWithShortLeases(PipelineSimulation& world, Dice& dice) {
  world.options.lease = absl::Seconds(3);
  world.elsewhere = {&dead_letters_[0], &dead_letters_[1]};
  world.leases_were_lost = true;
  CrashPoint may_die(dice.OneIn(3) ? dice.Below(150) : 1'000'000);
  CrashPoint lives(1'000'000);
  std::thread first(
      [&] { first_ = world.RunElsewhereUntilCrash("one", dead_letters_[0], may_die); });
  std::thread second(
      [&] { second_ = world.RunElsewhereUntilCrash("other", dead_letters_[1], lives); });
  first.join();
  second.join();
  first_died_ = may_die.dead();
  EXPECT_EQ(world.CheckPromise(), "");
}

void CrashTest::SetUpTestSuite() { SetLogLevel(Severity::kError); }
void CrashTest::TearDownTestSuite() { SetLogLevel(Severity::kInfo); }

std::unique_ptr<PipelineSimulation> CrashTest::NewWorld() const {
  auto world = std::make_unique<PipelineSimulation>();
  if (kind() == DestinationKind::kWithCursor) world->KeepCursor();
  if (kind() == DestinationKind::kStaged) world->UseStaging();
  world->objects = SmallObjects();
  if (kind() == DestinationKind::kReplacement) {
    world->Replace();
    world->objects.resize(1);
  }
  return world;
}

void CrashTest::FanOut(PipelineSimulation& world) {
  world.objects = {MakeFakeObject("wide", "aaaa r aaxaaa f aaaaaaaa aaaaa a aax r"),
                   MakeFakeObject("one row", "aaaaaaaaaaaa"),
                   MakeFakeObject("cut", "aaaa axa aaaa")};
  world.objects.back().error = absl::DataLossError("cut at byte 30");
  world.options.write_batch_bytes = 150;
}

void CrashTest::Finish(PipelineSimulation& world) {
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

uint64_t CrashTest::KillAtEachStep(const Setup& setup) const {
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

void CrashTest::RunAtRandom(PipelineSimulation& world, Dice& dice, const std::string& owner) {
  CrashPoint crash(dice.Below(300));
  if (dice.OneIn(3)) {
    world.leases_were_lost = true;
    crash.InterruptAt(dice.Below(150), [&world, steps = dice.Below(200)] {
      world.clock.Advance(2 * world.options.lease);
      CrashPoint other(steps);
      world.RunBesideOthersUntilCrash("other", other);
    });
  }
  const RunReport report = world.RunUntilCrash(owner, crash);
  EXPECT_EQ(world.CheckPromise(), "");
  EXPECT_TRUE(!report.status.ok() || report.counts.pending() == 0);
}

void CrashTest::TakeOverAtEachStep(uint64_t other_steps, const Setup& setup) const {
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

std::unique_ptr<PipelineSimulation> CrashTest::RandomWorld(Dice& dice) const {
  std::unique_ptr<PipelineSimulation> world = NewWorld();
  world->objects.clear();
  const bool replaces = kind() == DestinationKind::kReplacement;
  const uint64_t objects = replaces ? 1 : 1 + dice.Below(6);
  for (uint64_t o = 0; o < objects; ++o) {
    std::string letters;
    for (uint64_t rows = dice.Below(40); rows > 0; --rows) {
      constexpr const char* kRows[] = {"a", "a", "a",   "a",  "aa",        "f",
                                       "r", "x", "axa", "xx", "aaaaaaaaa", "aaaxaaaaxa"};
      StrAppend(&letters, kRows[dice.Below(12)], " ");
    }
    world->objects.push_back(MakeFakeObject(StrCat("object ", o), letters));
    if (!replaces && dice.OneIn(8)) world->objects.back().error = absl::DataLossError("cut");
  }
  world->chunk_rows = 1 + dice.Below(7);
  world->options.initial_writes = static_cast<int>(1 + dice.Below(4));
  world->options.max_writes = world->options.initial_writes + static_cast<int>(dice.Below(3));
  world->options.join_rows = 1 + dice.Below(20);
  world->options.max_bytes = dice.OneIn(3) ? 500 : 1 << 20;
  world->options.write_batch_bytes = dice.OneIn(2) ? 50 + dice.Below(500) : 1 << 20;
  if (!replaces && dice.OneIn(2)) {
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

}  // namespace millrace
