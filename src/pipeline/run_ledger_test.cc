// What a run records, and when it must stop because it cannot record.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/synchronization/notification.h"
#include "base/status.h"
#include "base/strings.h"
#include "pipeline/testing/run_fixture.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using RunLedgerTest = RunTest;

TEST_F(RunLedgerTest, AnObjectThatAnotherOwnerTookOverIsLeftToIt) {
  AddRows("lost", 40);
  AddRows("kept", 8);
  world_.destination.set_script([&](uint64_t n) {
    if (n == 2) {
      world_.clock.Advance(2 * world_.options.lease);
      const auto claim =
          world_.ledger.ClaimObject({world_.objects[0].key, "thief", 1, world_.options.lease}, {});
      EXPECT_EQ(claim->outcome, Ledger::Claim::Outcome::kClaimed);
    }
    return FakeWrite::kDurable;
  });
  const RunReport report = world_.Run("me");
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.objects, 2u);
  EXPECT_EQ(report.objects_lost, 1u);
  EXPECT_EQ(report.objects_done, 1u);
  EXPECT_EQ(Entry(0).owner, "thief");
  EXPECT_EQ(report.counts.read, Entry(0).position.row + 8) << "what the thief does is its own";
  EXPECT_EQ(report.counts.pending(), 0u);
  EXPECT_EQ(world_.CheckPromise(), "");
}

TEST_F(RunLedgerTest, AnObjectThatWasTakenOverAndReleasedIsStillDone) {
  AddRows("lost", 40);
  AddRows("kept", 8);
  world_.destination.set_script([&](uint64_t n) {
    if (n == 2) {
      world_.clock.Advance(2 * world_.options.lease);
      auto claim =
          world_.ledger.ClaimObject({world_.objects[0].key, "thief", 1, world_.options.lease}, {});
      EXPECT_EQ(claim->outcome, Ledger::Claim::Outcome::kClaimed);
      EXPECT_TRUE(world_.ledger.Release(claim->entry, {}).ok());
    }
    return FakeWrite::kDurable;
  });
  const RunReport report = world_.Run("me");
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.objects_lost, 1u);
  EXPECT_EQ(report.objects_done, 2u);
  EXPECT_EQ(report.counts.accepted, 48u);
  EXPECT_EQ(report.counts.pending(), 0u);
  EXPECT_EQ(world_.CheckComplete(), "");
}

// The last object is lost while another thread already waits for the end.
TEST_F(RunLedgerTest, AnObjectThatIsLostAtTheEndIsStillDone) {
  AddRows("one", 3);
  world_.options.initial_writes = world_.options.max_writes = 4;
  world_.destination.set_script([&](uint64_t n) {
    if (n == 0) {
      world_.clock.Advance(2 * world_.options.lease);
      auto claim =
          world_.ledger.ClaimObject({world_.objects[0].key, "thief", 1, world_.options.lease}, {});
      EXPECT_TRUE(world_.ledger.Release(claim->entry, {}).ok());
    }
    return FakeWrite::kDurable;
  });
  const RunReport report = world_.Run("me");
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.objects_lost, 1u);
  EXPECT_EQ(world_.CheckComplete(), "");
}

// A ledger whose Store() gives the scripted error instead of an effect.
class FailingLedger : public Ledger {
 public:
  using Script = std::function<absl::Status(int n)>;
  FailingLedger(Ledger& ledger, Script script) : ledger_(ledger), script_(std::move(script)) {}

  absl::StatusOr<Claim> ClaimObject(const ClaimRequest& request, std::stop_token stop) override {
    return ledger_.ClaimObject(request, stop);
  }
  absl::Status Store(LedgerEntry& entry, absl::Duration lease, std::stop_token stop) override {
    const absl::Status status = script_(stores_++);
    return status.ok() ? ledger_.Store(entry, lease, stop) : status;
  }
  absl::Status Release(LedgerEntry& entry, std::stop_token stop) override {
    return ledger_.Release(entry, stop);
  }
  absl::StatusOr<std::vector<LedgerKey>> Forget(const LedgerKey& key,
                                                std::stop_token stop) override {
    return ledger_.Forget(key, stop);
  }
  absl::Status ForEach(const std::function<absl::Status(const LedgerEntry&)>& visit,
                       std::stop_token stop) override {
    return ledger_.ForEach(visit, stop);
  }
  Intents& intents() override { return ledger_.intents(); }
  int stores() const { return stores_; }

 private:
  Ledger& ledger_;
  const Script script_;
  std::atomic<int> stores_{0};
};

TEST_F(RunLedgerTest, ABusyLedgerIsTriedAgain) {
  AddRows("one", 20);
  FailingLedger ledger(world_.ledger, [](int n) {
    return n % 2 == 0 ? absl::UnavailableError("busy") : absl::OkStatus();
  });
  FakeSource source(world_.objects, ledger, "me", 4);
  const RunReport report = RunWith(world_, source, {.ledger = &ledger});
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(world_.CheckComplete(), "");
}

TEST_F(RunLedgerTest, ALedgerThatFailsStopsTheRun) {
  AddRows("one", 1000);
  FailingLedger ledger(world_.ledger, [](int n) {
    return n < 2 ? absl::OkStatus() : absl::ResourceExhaustedError("ledger.db: disk is full");
  });
  FakeSource source(world_.objects, ledger, "me", 4);
  const RunReport report = RunWith(world_, source, {.ledger = &ledger});
  EXPECT_TRUE(absl::IsResourceExhausted(report.status)) << report.status;
  EXPECT_EQ(report.first_error, "recording one: ledger.db: disk is full");
  EXPECT_LE(report.writes, 4u);
  EXPECT_EQ(report.counts.accepted, Entry(0).position.row);
  EXPECT_EQ(report.counts.accepted + report.counts.pending(), report.counts.read);
  EXPECT_EQ(world_.CheckPromise(), "");
}

TEST_F(RunLedgerTest, TheLedgerIsNotStoredForEachChunk) {
  AddRows("one", 400);
  world_.options.ledger_interval = absl::Hours(1);
  FailingLedger ledger(world_.ledger, [](int) { return absl::OkStatus(); });
  FakeSource source(world_.objects, ledger, "me", 4);
  RunWith(world_, source, {.ledger = &ledger});
  EXPECT_EQ(ledger.stores(), 1) << "at its end";
  EXPECT_EQ(world_.CheckComplete(), "");
}

TEST_F(RunLedgerTest, LeasesAreRenewedWhileAWriteHangs) {
  AddRows("one", 3);
  world_.options.lease = absl::Milliseconds(20);
  absl::Notification renewed;
  FailingLedger ledger(world_.ledger, [&](int n) {
    if (n == 2) renewed.Notify();
    return absl::OkStatus();
  });
  world_.destination.set_script([&](uint64_t) {
    renewed.WaitForNotification();
    return FakeWrite::kDurable;
  });
  FakeSource source(world_.objects, ledger, "me", 4);
  const RunReport report = RunWith(world_, source, {.ledger = &ledger, .clock = &Clock::Real()});
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_GE(ledger.stores(), 4);
  EXPECT_EQ(world_.CheckComplete(), "");
}

// A ledger whose stores never end by themselves, as with a server that does not respond.
class SilentLedger : public MemoryLedger {
 public:
  using MemoryLedger::MemoryLedger;
  absl::Status Store(LedgerEntry&, absl::Duration, std::stop_token stop) override {
    Clock::Real().SleepFor(absl::InfiniteDuration(), stop);
    return StopRequested();
  }
};

TEST_F(RunLedgerTest, AStopDoesNotWaitForALedgerThatDoesNotAnswer) {
  AddRows("one", 100);
  world_.options.stop_grace = absl::Milliseconds(20);
  SilentLedger ledger(world_.clock);
  std::stop_source stop;
  world_.destination.set_script([&](uint64_t) {
    stop.request_stop();
    return FakeWrite::kDurable;
  });
  FakeSource source(world_.objects, ledger, "me", 4);
  const RunReport report = RunWith(world_, source, {.ledger = &ledger}, stop.get_token());
  EXPECT_TRUE(absl::IsCancelled(report.status)) << report.status;
  EXPECT_EQ(report.counts.accepted, 0u);
  EXPECT_GT(report.counts.pending(), 0u);
  EXPECT_THAT(source.given_up(), ElementsAre(world_.objects[0].key));
}

TEST_F(RunLedgerTest, AfterAStopABusyLedgerIsTriedAgainToRecordWhatWasConfirmed) {
  AddRows("one", 100);
  std::stop_source stop;
  FailingLedger ledger(world_.ledger, [&](int n) {
    return stop.stop_requested() && n < 2 ? absl::UnavailableError("busy") : absl::OkStatus();
  });
  world_.destination.set_script([&](uint64_t) {
    stop.request_stop();
    return FakeWrite::kDurable;
  });
  FakeSource source(world_.objects, ledger, "me", 4);
  const RunReport report = RunWith(world_, source, {.ledger = &ledger}, stop.get_token());
  EXPECT_TRUE(absl::IsCancelled(report.status)) << report.status;
  EXPECT_GT(report.counts.accepted, 0u);
  EXPECT_EQ(report.counts.pending(), 0u);
  EXPECT_EQ(Entry(0).position.row, report.counts.accepted);
  EXPECT_EQ(Entry(0).owner, "") << "released";
}

// Opening it took longer than the lease; another worker rejects its rows meanwhile.
TEST_F(RunLedgerTest, DeadLettersOfAnObjectThatIsLostBeforeItIsReadAreLeftAlone) {
  AddObject("one", "r a r a a a");
  class SlowToOpen : public FakeSource {
   public:
    SlowToOpen(PipelineSimulation& world)
        : FakeSource(world.objects, world.ledger, "me", 4), world_(world) {}
    absl::StatusOr<std::unique_ptr<Chunk>> Next(std::stop_token stop) override {
      absl::StatusOr<std::unique_ptr<Chunk>> chunk = FakeSource::Next(stop);
      if (!std::exchange(slow_, false)) return chunk;
      world_.clock.Advance(2 * world_.options.lease);
      EXPECT_TRUE(world_.Run("another").status.ok());
      return chunk;
    }

   private:
    PipelineSimulation& world_;
    bool slow_ = true;
  };
  SlowToOpen source(world_);
  const RunReport report = RunWith(world_, source);
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.objects_lost, 1u);
  EXPECT_EQ(report.counts.read, 0u);
  EXPECT_EQ(world_.CheckComplete(), "");
}

// A change that comes too soon after a store and is the last one.
TEST_F(RunLedgerTest, CompletedChunksAreStoredInTimeThoughAWriteHangs) {
  AddRows("one", 10);
  world_.options.ledger_interval = absl::Milliseconds(20);
  world_.options.join_rows = 1;
  absl::Notification stored;
  MemoryLedger real_time(Clock::Real());
  FailingLedger ledger(real_time, [&](int) {
    if (!stored.HasBeenNotified()) stored.Notify();
    return absl::OkStatus();
  });
  // The first chunk is complete before the interval has passed since the claim.
  world_.destination.set_script([&](uint64_t n) {
    if (n == 1) stored.WaitForNotification();
    return FakeWrite::kDurable;
  });
  FakeSource source(world_.objects, ledger, "me", 4);
  const RunReport report = RunWith(world_, source, {.ledger = &ledger, .clock = &Clock::Real()});
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(real_time.Find(world_.objects[0].key)->state, LedgerState::kDone);
}

// Notifies when the only worker requests more, which it does after it has completed its chunks.
class NoticedSource : public FakeSource {
 public:
  using FakeSource::FakeSource;
  absl::StatusOr<std::unique_ptr<Chunk>> Next(std::stop_token stop) override {
    if (++calls_ == 2) asked_again.Notify();
    return FakeSource::Next(stop);
  }
  absl::Notification asked_again;

 private:
  int calls_ = 0;
};

// The clock stands still afterwards, so that only the end of the renewal can cause it.
TEST_F(RunLedgerTest, AnObjectThatEndsWhileItsLeaseIsRenewedIsDoneAfterIt) {
  AddRows("one", 3);
  world_.options.lease = absl::Milliseconds(40);
  absl::Notification renewing;
  NoticedSource* reading = nullptr;
  FailingLedger ledger(world_.ledger, [&](int n) {
    if (n == 0) {
      renewing.Notify();
      reading->asked_again.WaitForNotification();
    }
    return absl::OkStatus();
  });
  world_.destination.set_script([&](uint64_t) {
    world_.clock.Advance(world_.options.lease / 4);
    renewing.WaitForNotification();
    return FakeWrite::kDurable;
  });
  NoticedSource source(world_.objects, ledger, "me", 4);
  reading = &source;
  const RunReport report = RunWith(world_, source, {.ledger = &ledger});
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(ledger.stores(), 2);
  EXPECT_THAT(source.confirmed(), ElementsAre(world_.objects[0].key));
}

// Dead letters that cannot be kept, or not be made durable.
class FailingDeadLetterQueue : public DeadLetterQueue {
 public:
  explicit FailingDeadLetterQueue(bool add_fails) : add_fails_(add_fails) {}
  absl::Status Add(const LedgerKey&, absl::Span<const Rejection>) override {
    return add_fails_ ? absl::ResourceExhaustedError("disk is full") : absl::OkStatus();
  }
  absl::Status Sync(const LedgerKey&) override {
    return absl::ResourceExhaustedError("disk is full");
  }
  absl::Status RemoveRows(const LedgerKey&, uint64_t, uint64_t) override {
    return absl::OkStatus();
  }

 private:
  const bool add_fails_;
};

TEST_F(RunLedgerTest, WhatCannotBeKeptIsNotPassed) {
  for (const bool add_fails : {true, false}) {
    PipelineSimulation world;
    world.objects = {MakeFakeObject("one", "a a a a a r a a a a a a")};
    FailingDeadLetterQueue dead_letter(add_fails);
    FakeSource source(world.objects, world.ledger, "me", 2);
    world.options.join_rows = 1;
    const RunReport report = RunWith(world, source, {.dead_letter = &dead_letter});
    EXPECT_TRUE(absl::IsResourceExhausted(report.status)) << report.status;
    EXPECT_THAT(std::string(ToStd(report.status.message())),
                HasSubstr("storing rejected rows of one: disk is full"));
    EXPECT_EQ(world.ledger.Find(world.objects[0].key)->position.row, 4u);
    EXPECT_EQ(report.counts.rejected, 0u);
    EXPECT_GT(report.counts.pending(), 0u);
  }
}

// Sources that break their contract in one way each, by changing the chunks of a good one.

TEST_F(RunLedgerTest, ObjectsAreAckedOnceTheirRowIsStored) {
  AddRows("one", 3);
  AddRows("bad", 3);
  world_.objects[1].error = absl::DataLossError("cut");
  AddRows("two", 3);
  FakeSource source(world_.objects, world_.ledger, "me", 4);
  RunWith(world_, source);
  EXPECT_THAT(source.confirmed(), ElementsAre(world_.objects[0].key, world_.objects[2].key));
  EXPECT_THAT(source.given_up(), ElementsAre(world_.objects[1].key));
}

TEST_F(RunLedgerTest, ObjectsThatAStopInterruptsAreReleased) {
  AddRows("one", 100);
  std::stop_source stop;
  world_.destination.set_script([&](uint64_t) {
    stop.request_stop();
    return FakeWrite::kDurable;
  });
  FakeSource source(world_.objects, world_.ledger, "me", 4);
  RunWith(world_, source, {}, stop.get_token());
  EXPECT_THAT(source.confirmed(), IsEmpty());
  EXPECT_THAT(source.given_up(), ElementsAre(world_.objects[0].key));
}

TEST_F(RunLedgerTest, ObjectsThatAnotherWorkerTookOverAreReleasedOnce) {
  AddRows("lost", 40);
  world_.destination.set_script([&](uint64_t n) {
    if (n == 2) {
      world_.clock.Advance(2 * world_.options.lease);
      EXPECT_TRUE(
          world_.ledger.ClaimObject({world_.objects[0].key, "thief", 1, world_.options.lease}, {})
              .ok());
    }
    return FakeWrite::kDurable;
  });
  FakeSource source(world_.objects, world_.ledger, "me", 4);
  RunWith(world_, source);
  EXPECT_THAT(source.confirmed(), IsEmpty());
  EXPECT_THAT(source.given_up(), ElementsAre(world_.objects[0].key));
}

TEST_F(RunLedgerTest, ObjectsThatCannotBeRecordedAreReleased) {
  AddRows("one", 100);
  FailingLedger ledger(world_.ledger, [](int) { return absl::ResourceExhaustedError("full"); });
  FakeSource source(world_.objects, ledger, "me", 4);
  RunWith(world_, source, {.ledger = &ledger});
  EXPECT_THAT(source.given_up(), ElementsAre(world_.objects[0].key));
}

}  // namespace
}  // namespace millrace
