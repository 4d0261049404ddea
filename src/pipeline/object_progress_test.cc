#include "pipeline/object_progress.h"

#include <gtest/gtest.h>

#include <thread>

namespace millrace {
namespace {

constexpr absl::Duration kInterval = absl::Seconds(1);
constexpr absl::Duration kRenewal = absl::Seconds(60);

class ObjectProgressTest : public testing::Test {
 protected:
  static LedgerEntry Claimed() {
    LedgerEntry entry;
    entry.key.object = "gs://b/k";
    entry.owner = "one";
    entry.revision = 3;
    entry.position = {.row = 10, .byte = 100};
    entry.counts = {.read = 10, .accepted = 10, .events = 10};
    entry.last_error = "of the last run";
    return entry;
  }

  uint64_t Begin(uint64_t rows, bool last = false, absl::Status error = absl::OkStatus()) {
    Chunk chunk;
    chunk.first_row = progress_.next_row();
    chunk.rows = rows;
    chunk.after = {.row = chunk.first_row + rows, .byte = 10 * (chunk.first_row + rows)};
    chunk.last = last;
    chunk.error = error;
    return progress_.Begin(chunk);
  }
  void Complete(uint64_t number, uint64_t rows) {
    progress_.Complete(number, {.read = rows, .accepted = rows, .events = 2 * rows});
  }
  std::optional<ObjectProgress::Step> StoreAt(absl::Duration now) {
    std::optional<ObjectProgress::Step> step = progress_.StartStore(now);
    if (step.has_value()) {
      ++step->entry.revision;
      progress_.EndStore(*step, absl::OkStatus(), now);
    }
    return step;
  }

  ObjectProgress progress_{Claimed(), {kInterval, kRenewal}, absl::ZeroDuration()};
};

TEST_F(ObjectProgressTest, AdvancesUpToTheFirstUnfinishedChunk) {
  const uint64_t a = Begin(5), b = Begin(6), c = Begin(7);
  Complete(c, 7);
  Complete(b, 6);
  EXPECT_FALSE(StoreAt(kInterval).has_value());
  Complete(a, 5);
  const auto step = StoreAt(kInterval);
  ASSERT_TRUE(step.has_value());
  EXPECT_EQ(step->entry.position, (Position{.row = 28, .byte = 280}));
  EXPECT_EQ(step->entry.counts.read, 28u);
  EXPECT_EQ(step->entry.counts.events, 46u);
  EXPECT_EQ(step->added.read, 18u);
  EXPECT_EQ(step->entry.state, LedgerState::kOpen);
  EXPECT_EQ(step->entry.last_error, "") << "that error is history once the object advances";
  EXPECT_FALSE(step->finished);
}

TEST_F(ObjectProgressTest, StoresNotMoreOftenThanTheInterval) {
  Complete(Begin(1), 1);
  EXPECT_FALSE(StoreAt(kInterval / 2).has_value());
  EXPECT_TRUE(StoreAt(kInterval).has_value());
  EXPECT_FALSE(StoreAt(3 * kInterval).has_value()) << "nothing has changed";
  Complete(Begin(1), 1);
  EXPECT_FALSE(StoreAt(kInterval * 3 / 2).has_value());
  const auto step = StoreAt(3 * kInterval);
  ASSERT_TRUE(step.has_value());
  EXPECT_EQ(step->entry.revision, 5u);
}

TEST_F(ObjectProgressTest, TheEndIsStoredAtOnce) {
  Complete(Begin(1), 1);
  Complete(Begin(0, /*last=*/true), 0);
  const auto step = StoreAt(absl::ZeroDuration());
  ASSERT_TRUE(step.has_value());
  EXPECT_TRUE(step->finished);
  EXPECT_EQ(step->entry.state, LedgerState::kDone);
  EXPECT_EQ(progress_.NextStore(), absl::InfiniteDuration());
  EXPECT_FALSE(progress_.StartStore(9 * kRenewal).has_value()) << "what is done needs no lease";
}

TEST_F(ObjectProgressTest, AnObjectThatCannotBeReadFurtherStaysOpen) {
  Complete(Begin(2, /*last=*/true, absl::DataLossError("cut at byte 7")), 2);
  const auto step = StoreAt(absl::ZeroDuration());
  ASSERT_TRUE(step.has_value());
  EXPECT_TRUE(step->finished);
  EXPECT_EQ(step->entry.state, LedgerState::kOpen);
  EXPECT_EQ(step->entry.position.row, 12u);
  EXPECT_EQ(step->entry.last_error, "cut at byte 7");
}

TEST_F(ObjectProgressTest, OneThreadStoresAtATimeAndMissesNothing) {
  Complete(Begin(1), 1);
  auto step = progress_.StartStore(kInterval);
  ASSERT_TRUE(step.has_value());
  Complete(Begin(1, /*last=*/true), 1);
  EXPECT_FALSE(progress_.StartStore(kInterval).has_value());
  ++step->entry.revision;
  progress_.EndStore(*step, absl::OkStatus(), kInterval);
  const auto next = StoreAt(kInterval);
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->added.read, 1u);
  EXPECT_TRUE(next->finished);
}

TEST_F(ObjectProgressTest, WhatWasNotStoredIsStoredLater) {
  Complete(Begin(4), 4);
  const auto step = progress_.StartStore(kInterval);
  ASSERT_TRUE(step.has_value());
  progress_.EndStore(*step, absl::CancelledError("a stop was requested"), kInterval);
  EXPECT_EQ(progress_.run_counts().accepted, 0u);
  EXPECT_EQ(progress_.run_counts().pending(), 4u);
  const auto again = StoreAt(kInterval);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->added.read, 4u);
  EXPECT_EQ(progress_.run_counts().accepted, 4u);
  EXPECT_EQ(progress_.run_counts().pending(), 0u);
}

TEST_F(ObjectProgressTest, ALostObjectIsNotStoredAndItsRestNotCounted) {
  Complete(Begin(1), 1);
  ASSERT_TRUE(StoreAt(kInterval).has_value());
  Complete(Begin(4), 4);
  const auto step = progress_.StartStore(2 * kInterval);
  ASSERT_TRUE(step.has_value());
  progress_.EndStore(*step, absl::AbortedError("taken over"), 2 * kInterval);
  EXPECT_TRUE(progress_.lost());
  EXPECT_FALSE(progress_.StartStore(9 * kInterval).has_value());
  EXPECT_EQ(progress_.NextStore(), absl::InfiniteDuration());
  EXPECT_FALSE(progress_.StartStore(9 * kRenewal).has_value());
  EXPECT_EQ(progress_.run_counts().read, 1u);
  EXPECT_EQ(progress_.run_counts().pending(), 0u);
}

// Whoever is about to rewind the dead letters has to know what a renewal by another thread finds
// out.
TEST_F(ObjectProgressTest, WhetherItIsLostIsKnownAfterTheStoreOfAnotherThread) {
  progress_.AwaitStore();  // nobody stores
  const auto step = progress_.StartStore(2 * kRenewal);
  ASSERT_TRUE(step.has_value());
  bool lost = false;
  std::thread waiter([&] {
    progress_.AwaitStore();
    lost = progress_.lost();
  });
  progress_.EndStore(*step, absl::AbortedError("taken over"), 2 * kRenewal);
  waiter.join();
  EXPECT_TRUE(lost);
}

TEST_F(ObjectProgressTest, TheLeaseIsRenewedUnlessAStoreDidIt) {
  Begin(1);
  EXPECT_EQ(progress_.NextStore(), kRenewal);
  EXPECT_FALSE(progress_.StartStore(kRenewal - kInterval).has_value()) << "the claim is fresh";
  auto step = StoreAt(kRenewal);
  ASSERT_TRUE(step.has_value());
  EXPECT_EQ(step->entry.position, Claimed().position);
  EXPECT_EQ(progress_.NextStore(), 2 * kRenewal);
}

TEST_F(ObjectProgressTest, WhatChangesDuringARenewalIsDueAfterIt) {
  const uint64_t chunk = Begin(1);
  auto renewal = progress_.StartStore(kRenewal);
  ASSERT_TRUE(renewal.has_value());
  EXPECT_EQ(progress_.NextStore(), absl::InfiniteDuration()) << "of the one who stores";
  Complete(chunk, 1);
  EXPECT_FALSE(progress_.StartStore(kRenewal).has_value());
  progress_.EndStore(*renewal, absl::OkStatus(), kRenewal);
  EXPECT_EQ(progress_.NextStore(), kRenewal + kInterval);
  Complete(Begin(0, /*last=*/true), 0);
  EXPECT_LE(progress_.NextStore(), kRenewal) << "the end is stored at once";
}

// If the ledger sets no interval, the duration of its stores decides how often they are made.
class StoreCost : public ObjectProgressTest {
 protected:
  // Stores at `now`, which takes `cost`. Returns the time until the next store of a change.
  absl::Duration IntervalAfter(absl::Duration cost) {
    now_ = progress_.NextStore();
    const auto step = progress_.StartStore(now_);
    EXPECT_TRUE(step.has_value());
    now_ += cost;
    progress_.EndStore(*step, absl::OkStatus(), now_);
    Complete(Begin(1), 1);
    return progress_.NextStore() - now_;
  }

  ObjectProgress progress_{Claimed(), {absl::ZeroDuration(), kRenewal}, absl::ZeroDuration()};
  absl::Duration now_;

  uint64_t Begin(uint64_t rows) {
    Chunk chunk;
    chunk.first_row = progress_.next_row();
    chunk.rows = rows;
    chunk.after = {.row = chunk.first_row + rows, .byte = 0};
    return progress_.Begin(chunk);
  }
  void Complete(uint64_t number, uint64_t rows) {
    progress_.Complete(number, {.read = rows, .accepted = rows});
  }
};

TEST_F(StoreCost, DecidesHowOftenChangesAreStored) {
  constexpr absl::Duration kQuick = absl::Microseconds(50);
  constexpr absl::Duration kSlow = absl::Milliseconds(2);
  constexpr absl::Duration kVerySlow = absl::Seconds(1);
  Complete(Begin(1), 1);
  EXPECT_EQ(progress_.NextStore(), absl::ZeroDuration()) << "the first change at once";
  IntervalAfter(kQuick);
  EXPECT_EQ(IntervalAfter(kQuick), StoreSchedule::kCostShare * kQuick);
  EXPECT_EQ(IntervalAfter(kVerySlow), StoreSchedule::kCostShare * kQuick)
      << "one checkpoint does not count";
  EXPECT_EQ(IntervalAfter(kSlow), StoreSchedule::kCostShare * kSlow);
  IntervalAfter(kVerySlow);
  EXPECT_EQ(IntervalAfter(kVerySlow), StoreSchedule::kMaxWait);
}

}  // namespace
}  // namespace millrace
