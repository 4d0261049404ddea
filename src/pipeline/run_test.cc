#include "pipeline/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "base/strings.h"
#include "pipeline/testing/fake_world.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Parts of a world that are replaced for one run.
struct Replaced {
  Ledger* ledger = nullptr;
  DeadLetter* dead_letter = nullptr;
  TransformFactory make_transform;
  SinkFactory make_sink;
  Clock* clock = nullptr;
};

RunReport RunWith(FakeWorld& world, Source& source, const Replaced& other = {},
                  std::stop_token stop = {}) {
  return Run(
      {.source = source,
       .make_transform = other.make_transform ? other.make_transform
                                              : [] { return std::make_unique<FakeTransform>(); },
       .make_sink =
           other.make_sink ? other.make_sink : [&world] { return world.destination.NewSink(); },
       .ledger = other.ledger != nullptr ? *other.ledger : world.ledger,
       .dead_letter = other.dead_letter != nullptr ? *other.dead_letter : world.dead_letter,
       .clock = other.clock != nullptr ? *other.clock : world.clock},
      world.options, std::move(stop));
}

class RunTest : public testing::Test {
 protected:
  void AddObject(const std::string& name, const std::string& letters) {
    world_.objects.push_back(MakeFakeObject(name, letters));
  }
  void AddRows(const std::string& name, size_t rows) {
    std::string letters;
    for (size_t row = 0; row < rows; ++row) letters += "a ";
    AddObject(name, letters);
  }
  LedgerEntry Entry(size_t object) {
    return world_.ledger.Find(world_.objects[object].key).value_or(LedgerEntry());
  }
  static FakeDestination::Script Always(FakeWrite write) {
    return [write](uint64_t) { return write; };
  }

  FakeWorld world_;
};

TEST_F(RunTest, DeliversEverythingAndItsNumbersAddUp) {
  AddObject("one", "a f r aaa axa");
  AddObject("two", "a");
  RunProgress progress;
  const RunReport report = world_.Run("me", {}, &progress);
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.counts,
            (Counts{.read = 6, .accepted = 3, .rejected = 2, .filtered = 1, .events = 7}));
  EXPECT_EQ(report.counts.pending(), 0u);
  EXPECT_EQ(report.objects, 2u);
  EXPECT_EQ(report.objects_done, 2u);
  EXPECT_EQ(report.retries, 0u);
  EXPECT_EQ(report.first_error, "one: row 3: the row says so");
  EXPECT_EQ(world_.CheckComplete(), "");
  EXPECT_EQ(progress.rows_read, 6u);
  EXPECT_EQ(progress.rows_accepted, 3u);
  EXPECT_EQ(progress.rows_rejected, 2u);
  EXPECT_EQ(progress.rows_filtered, 1u);
  EXPECT_EQ(progress.events_accepted, 7u);
  EXPECT_EQ(progress.writes, report.writes);
  EXPECT_EQ(progress.writes_in_flight, 0);
  EXPECT_EQ(progress.objects_done, 2u);
}

TEST_F(RunTest, CountersOfSeveralRunsAddUpAndReportsAreOfOne) {
  AddRows("one", 3);
  world_.destination.set_script(
      [](uint64_t n) { return n == 0 ? FakeWrite::kRetry : FakeWrite::kDurable; });
  RunProgress progress;
  world_.Run("me", {}, &progress);
  AddRows("two", 3);
  const RunReport second = world_.Run("me", {}, &progress);
  EXPECT_EQ(second.writes, 1u);
  EXPECT_EQ(second.retries, 0u);
  EXPECT_EQ(progress.writes, 3u);
  EXPECT_EQ(progress.retries, 1u);
  EXPECT_EQ(progress.rows_accepted, 6u);
}

TEST_F(RunTest, AnEmptySourceIsDoneAtOnce) {
  const RunReport report = world_.Run("me");
  EXPECT_TRUE(report.status.ok());
  EXPECT_EQ(report.counts, Counts());
  EXPECT_EQ(report.writes, 0u);
}

TEST_F(RunTest, ASecondRunSendsNothing) {
  AddObject("one", "a r a a a a a");
  world_.Run("me");
  const size_t writes = world_.destination.BatchSizes().size();
  const RunReport again = world_.Run("me");
  EXPECT_TRUE(again.status.ok());
  EXPECT_EQ(again.counts, Counts());
  EXPECT_EQ(world_.destination.BatchSizes().size(), writes);
}

TEST_F(RunTest, ManyWorkersDeliverManyObjects) {
  for (int i = 0; i < 60; ++i) AddObject(StrCat("object ", i), "a r a a axa f a a a r aa");
  world_.options.initial_writes = world_.options.most_writes = 16;
  world_.chunk_rows = 3;
  const RunReport report = world_.Run("me");
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.objects_done, 60u);
  EXPECT_EQ(report.counts.read, 660u);
  EXPECT_EQ(world_.CheckComplete(), "");
}

TEST_F(RunTest, SmallObjectsShareWrites) {
  for (int i = 0; i < 100; ++i) AddRows(StrCat("object ", i), 1);
  world_.options.join_rows = 30;
  world_.Run("me");
  EXPECT_THAT(world_.destination.BatchSizes(), ElementsAre(30, 30, 30, 10));
  EXPECT_EQ(world_.CheckComplete(), "");
}

TEST_F(RunTest, LargeBatchesAreNotJoined) {
  AddRows("one", 12);
  world_.options.join_rows = 4;
  world_.Run("me");
  EXPECT_THAT(world_.destination.BatchSizes(), ElementsAre(4, 4, 4));
}

TEST_F(RunTest, RowsThatBecomeNothingCostNoWrite) {
  AddObject("one", "f f f r r f");
  const RunReport report = world_.Run("me");
  EXPECT_TRUE(report.status.ok());
  EXPECT_EQ(report.writes, 0u);
  EXPECT_EQ(world_.CheckComplete(), "");
}

TEST_F(RunTest, AnUnreadableObjectStaysOpenAndTheOthersGoOn) {
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

TEST_F(RunTest, AnErrorOfTheSourceLeavesWhatItGaveGood) {
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
  // The writes still fail when the source ends: they must be tried again all the same.
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

TEST_F(RunTest, WritesAreTriedAgainUntilTheyAreDurable) {
  AddRows("one", 20);
  world_.destination.set_script(
      [](uint64_t n) { return n % 3 == 2 ? FakeWrite::kDurable : FakeWrite::kReplyLost; });
  const RunReport report = world_.Run("me");
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.retries * 3, report.writes * 2);
  EXPECT_EQ(world_.CheckComplete(), "");
}

TEST_F(RunTest, GivesUpWhenNothingGoesThrough) {
  AddRows("one", 20);
  AddRows("two", 20);
  world_.options.initial_writes = world_.options.most_writes = 3;
  world_.destination.set_script(Always(FakeWrite::kRetry));
  const RunReport report = world_.Run("me");
  EXPECT_TRUE(absl::IsUnavailable(report.status)) << report.status;
  EXPECT_THAT(report.first_error, HasSubstr("no answer"));
  EXPECT_EQ(report.counts.accepted, 0u);
  EXPECT_EQ(report.counts.pending(), report.counts.read);
  EXPECT_EQ(Entry(0).owner, "");
  EXPECT_THAT(Entry(0).last_error, HasSubstr("no answer"));
  EXPECT_EQ(world_.CheckPromise(), "");
}

TEST_F(RunTest, AStopOfTheSinkStopsTheRun) {
  AddRows("one", 1000);
  world_.options.initial_writes = world_.options.most_writes = 4;
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

TEST_F(RunTest, ASinkThatReportsNothingHasDeliveredNothing) {
  AddRows("one", 3);
  class Forgetful : public Sink {
   public:
    WriteResult Write(const Batch&, std::stop_token) override { return WriteResult(); }
  };
  FakeSource source(world_.objects, world_.ledger, "me", 4);
  const RunReport report =
      RunWith(world_, source, {.make_sink = [] { return std::make_unique<Forgetful>(); }});
  EXPECT_THAT(std::string(ToStd(report.status.message())),
              HasSubstr("the sink reported no outcome"));
  EXPECT_EQ(Entry(0).position.row, 0u);
}

TEST_F(RunTest, AStopBeforeItsStartDoesNothing) {
  AddRows("one", 3);
  std::stop_source stop;
  stop.request_stop();
  const RunReport report = world_.Run("me", stop.get_token());
  EXPECT_TRUE(absl::IsCancelled(report.status));
  EXPECT_EQ(report.counts, Counts());
  EXPECT_EQ(report.first_error, "");
}

TEST_F(RunTest, AStopFinishesWhatIsInFlightAndReleasesTheRest) {
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

TEST_F(RunTest, AStopAfterTheLastRowStopsNothing) {
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

TEST_F(RunTest, AStopEndsTheWaitOfARetry) {
  AddRows("one", 3);
  std::stop_source stop;
  world_.destination.set_script([&](uint64_t) {
    stop.request_stop();
    return FakeWrite::kReplyLost;
  });
  FakeSource source(world_.objects, world_.ledger, "me", 4);
  const absl::Duration begun = Clock::Real().Elapsed();
  const RunReport report = RunWith(world_, source, {.clock = &Clock::Real()}, stop.get_token());
  EXPECT_LT(Clock::Real().Elapsed() - begun, absl::Seconds(2)) << "the shortest wait is 3 s";
  EXPECT_TRUE(absl::IsCancelled(report.status));
  EXPECT_EQ(report.counts.pending(), 3u) << "what is not known to be delivered is not";
}

// A source that waits for input after its first object, as a queue does.
class WaitingSource : public FakeSource {
 public:
  WaitingSource(const std::vector<FakeObject>& objects, Ledger& ledger, absl::Notification& input)
      : FakeSource(objects, ledger, "me", /*chunk_rows=*/4), input_(input) {}

  bool Ready() override { return calls_ == 0 || input_.HasBeenNotified(); }
  absl::StatusOr<std::unique_ptr<Chunk>> Next(std::stop_token stop) override {
    if (calls_++ > 0) input_.WaitForNotification();
    return FakeSource::Next(stop);
  }

 private:
  absl::Notification& input_;
  int calls_ = 0;
};

// If a small batch waited for more input, this would not end.
TEST_F(RunTest, ASmallBatchDoesNotWaitForInputToArrive) {
  for (const int workers : {1, 4}) {
    FakeWorld world;
    world.objects = {MakeFakeObject("one", "a"), MakeFakeObject("two", "a")};
    world.options.initial_writes = world.options.most_writes = workers;
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

TEST_F(RunTest, AnObjectThatAnotherOwnerTookOverIsLeftToIt) {
  AddRows("lost", 40);
  AddRows("kept", 8);
  world_.destination.set_script([&](uint64_t n) {
    if (n == 2) {
      world_.clock.Advance(2 * world_.options.lease);
      const auto claim =
          world_.ledger.ClaimObject(world_.objects[0].key, "thief", 1, world_.options.lease);
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

// A ledger whose Store() gives the scripted error instead of an effect.
class FailingLedger : public Ledger {
 public:
  using Script = std::function<absl::Status(int n)>;
  FailingLedger(Ledger& ledger, Script script) : ledger_(ledger), script_(std::move(script)) {}

  absl::StatusOr<Claim> ClaimObject(const LedgerKey& key, const std::string& owner, uint64_t bytes,
                                    absl::Duration lease) override {
    return ledger_.ClaimObject(key, owner, bytes, lease);
  }
  absl::Status Store(LedgerEntry& entry, absl::Duration lease) override {
    const absl::Status status = script_(stores_++);
    return status.ok() ? ledger_.Store(entry, lease) : status;
  }
  absl::Status Release(LedgerEntry& entry) override { return ledger_.Release(entry); }
  absl::Status Forget(const LedgerKey& key) override { return ledger_.Forget(key); }
  absl::Status ForEach(const std::function<absl::Status(const LedgerEntry&)>& visit) override {
    return ledger_.ForEach(visit);
  }
  int stores() const { return stores_; }

 private:
  Ledger& ledger_;
  const Script script_;
  std::atomic<int> stores_{0};
};

TEST_F(RunTest, ABusyLedgerIsTriedAgain) {
  AddRows("one", 20);
  FailingLedger ledger(world_.ledger, [](int n) {
    return n % 2 == 0 ? absl::UnavailableError("busy") : absl::OkStatus();
  });
  FakeSource source(world_.objects, ledger, "me", 4);
  const RunReport report = RunWith(world_, source, {.ledger = &ledger});
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(world_.CheckComplete(), "");
}

TEST_F(RunTest, ALedgerThatFailsStopsTheRun) {
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

TEST_F(RunTest, TheLedgerIsNotStoredForEachChunk) {
  AddRows("one", 400);
  world_.options.ledger_interval = absl::Hours(1);
  FailingLedger ledger(world_.ledger, [](int) { return absl::OkStatus(); });
  FakeSource source(world_.objects, ledger, "me", 4);
  RunWith(world_, source, {.ledger = &ledger});
  EXPECT_EQ(ledger.stores(), 1) << "at its end";
  EXPECT_EQ(world_.CheckComplete(), "");
}

TEST_F(RunTest, LeasesAreRenewedWhileAWriteHangs) {
  AddRows("one", 3);
  world_.options.lease = absl::Milliseconds(20);  // real time beats, whatever the clock says
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
  const RunReport report = RunWith(world_, source, {.ledger = &ledger});
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_GE(ledger.stores(), 4);
  EXPECT_EQ(world_.CheckComplete(), "");
}

// Dead letters that cannot be kept, or not be made durable.
class FailingDeadLetter : public DeadLetter {
 public:
  explicit FailingDeadLetter(bool add_fails) : add_fails_(add_fails) {}
  absl::Status Add(const LedgerKey&, absl::Span<const Rejection>) override {
    return add_fails_ ? absl::ResourceExhaustedError("disk is full") : absl::OkStatus();
  }
  absl::Status Sync(const LedgerKey&) override {
    return absl::ResourceExhaustedError("disk is full");
  }
  absl::Status Rewind(const LedgerKey&, uint64_t) override { return absl::OkStatus(); }

 private:
  const bool add_fails_;
};

TEST_F(RunTest, WhatCannotBeKeptIsNotPassed) {
  for (const bool add_fails : {true, false}) {
    FakeWorld world;
    world.objects = {MakeFakeObject("one", "a a a a a r a a a a a a")};
    FailingDeadLetter dead_letter(add_fails);
    FakeSource source(world.objects, world.ledger, "me", 2);
    world.options.join_rows = 1;
    const RunReport report = RunWith(world, source, {.dead_letter = &dead_letter});
    EXPECT_TRUE(absl::IsResourceExhausted(report.status)) << report.status;
    EXPECT_THAT(std::string(ToStd(report.status.message())),
                HasSubstr("keeping rejected rows of one: disk is full"));
    EXPECT_EQ(world.ledger.Find(world.objects[0].key)->position.row, 4u);
    EXPECT_EQ(report.counts.rejected, 0u);
    EXPECT_GT(report.counts.pending(), 0u);
  }
}

// Sources that break their contract in one way each, by changing the chunks of a good one.
class BrokenSource : public FakeSource {
 public:
  using Break = std::function<void(int n, std::unique_ptr<Chunk>&)>;
  BrokenSource(FakeWorld& world, Break break_chunk)
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

TEST_F(RunTest, ASourceThatBreaksItsContractIsNotBelieved) {
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
    FakeWorld world;
    world.objects = {MakeFakeObject("one", "a a a a a a a a a a")};
    BrokenSource source(world, breaks[i]);
    const RunReport report = RunWith(world, source);
    EXPECT_TRUE(absl::IsInternal(report.status)) << i << ": " << report.status;
  }
}

TEST_F(RunTest, ATransformThatForgetsARowStopsTheRun) {
  AddRows("one", 5);
  class Forgetful : public FakeTransform {
   public:
    void Apply(Chunk& chunk, Transformed& out) override {
      static_cast<FakePayload&>(*chunk.payload).rows[0] = "";
      FakeTransform::Apply(chunk, out);
    }
  };
  FakeSource source(world_.objects, world_.ledger, "me", 4);
  const RunReport report =
      RunWith(world_, source, {.make_transform = [] { return std::make_unique<Forgetful>(); }});
  EXPECT_TRUE(absl::IsInternal(report.status)) << report.status;
  EXPECT_EQ(Entry(0).position.row, 0u);
  EXPECT_EQ(report.counts.accepted, 0u);
}

// Counts the bytes that lie in batches which are being written.
class WeighingSink : public Sink {
 public:
  WeighingSink(std::atomic<size_t>& bytes, std::atomic<size_t>& most)
      : bytes_(bytes), most_(most) {}
  WriteResult Write(const Batch& batch, std::stop_token) override {
    const size_t now = bytes_ += batch.bytes.size();
    size_t most = most_;
    while (most < now && !most_.compare_exchange_weak(most, now)) {
    }
    std::this_thread::yield();
    bytes_ -= batch.bytes.size();
    return WriteResult::Durable();
  }

 private:
  std::atomic<size_t>& bytes_;
  std::atomic<size_t>& most_;
};

TEST_F(RunTest, WhatIsInFlightStaysWithinItsBytes) {
  for (int i = 0; i < 50; ++i) AddRows(StrCat("object ", i), 20);
  world_.chunk_rows = 20;  // about 1,000 bytes of events
  world_.options.initial_writes = world_.options.most_writes = 16;
  world_.options.join_rows = 20;
  world_.options.most_bytes = 8000;
  std::atomic<size_t> bytes{0};
  std::atomic<size_t> most{0};
  FakeSource source(world_.objects, world_.ledger, "me", world_.chunk_rows);
  const RunReport report = RunWith(
      world_, source, {.make_sink = [&] { return std::make_unique<WeighingSink>(bytes, most); }});
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.counts.accepted, 1000u);
  EXPECT_LE(most, world_.options.most_bytes + 2000);
}

TEST_F(RunTest, ObjectsAreConfirmedOnceTheirRowIsStored) {
  AddRows("one", 3);
  AddRows("bad", 3);
  world_.objects[1].error = absl::DataLossError("cut");
  AddRows("two", 3);
  FakeSource source(world_.objects, world_.ledger, "me", 4);
  RunWith(world_, source);
  EXPECT_THAT(source.confirmed(), ElementsAre(world_.objects[0].key, world_.objects[2].key));
  EXPECT_THAT(source.given_up(), ElementsAre(world_.objects[1].key));
}

TEST_F(RunTest, ObjectsThatAStopCutsShortAreGivenUp) {
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

TEST_F(RunTest, ObjectsThatAnotherOwnerTookOverAreGivenUpOnce) {
  AddRows("lost", 40);
  world_.destination.set_script([&](uint64_t n) {
    if (n == 2) {
      world_.clock.Advance(2 * world_.options.lease);
      EXPECT_TRUE(
          world_.ledger.ClaimObject(world_.objects[0].key, "thief", 1, world_.options.lease).ok());
    }
    return FakeWrite::kDurable;
  });
  FakeSource source(world_.objects, world_.ledger, "me", 4);
  RunWith(world_, source);
  EXPECT_THAT(source.confirmed(), IsEmpty());
  EXPECT_THAT(source.given_up(), ElementsAre(world_.objects[0].key));
}

TEST_F(RunTest, ObjectsThatCannotBeRecordedAreGivenUp) {
  AddRows("one", 100);
  FailingLedger ledger(world_.ledger, [](int) { return absl::ResourceExhaustedError("full"); });
  FakeSource source(world_.objects, ledger, "me", 4);
  RunWith(world_, source, {.ledger = &ledger});
  EXPECT_THAT(source.given_up(), ElementsAre(world_.objects[0].key));
}

}  // namespace
}  // namespace millrace
