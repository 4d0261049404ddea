// The Firestore ledger against Google's emulator, which FIRESTORE_EMULATOR_HOST names
// (firestore_servers.py). Its clock cannot be moved, so the contract is tested on our strict
// stand-in; this tests that the emulator and the stand-in agree on everything the ledger needs.
#include "connectors/firestore/firestore_ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "base/strings.h"
#include "pipeline/intents.h"

namespace millrace {
namespace {

using Outcome = Ledger::Claim::Outcome;

class FirestoreEmulatorTest : public testing::Test {
 protected:
  static constexpr absl::Duration kLease = absl::Minutes(5);
  static LedgerKey Key(const std::string& object = "gs://b/ü") {
    return {.object = object, .version = "1", .config = "c", .destination = "d"};
  }
  std::unique_ptr<Ledger> MustOpen() {
    static std::atomic<int> made{0};
    if (uri_.empty()) uri_ = StrCat("firestore://p", getpid(), "/t", ++made);
    absl::StatusOr<std::unique_ptr<Ledger>> ledger = OpenFirestoreLedger(
        uri_, {.environment = [](std::string_view name) -> std::optional<std::string> {
          const char* value = std::getenv(std::string(name).c_str());
          if (value == nullptr) return std::nullopt;
          return value;
        }},
        {});
    EXPECT_TRUE(ledger.ok()) << ledger.status();
    return ledger.ok() ? *std::move(ledger) : nullptr;
  }

  std::string uri_;
  const std::unique_ptr<Ledger> ledger_ = MustOpen();
};

TEST_F(FirestoreEmulatorTest, TheLifeOfARow) {
  absl::StatusOr<Ledger::Claim> claim = ledger_->ClaimObject({Key(), "one", 10, kLease}, {});
  ASSERT_TRUE(claim.ok()) << claim.status();
  ASSERT_EQ(claim->outcome, Outcome::kClaimed);
  LedgerEntry entry = claim->entry, stale = claim->entry;
  EXPECT_EQ(ledger_->ClaimObject({Key(), "two", 10, kLease}, {})->outcome, Outcome::kHeld);
  entry.position = {7, 70};
  entry.counts = {.read = 7, .accepted = 7, .events = 7};
  ASSERT_TRUE(ledger_->Store(entry, kLease, {}).ok());
  EXPECT_TRUE(absl::IsAborted(ledger_->Store(stale, kLease, {})));
  ASSERT_TRUE(ledger_->Release(entry, {}).ok());
  claim = ledger_->ClaimObject({Key(), "two", 10, kLease}, {});
  ASSERT_EQ(claim->outcome, Outcome::kClaimed);
  EXPECT_EQ(claim->entry.counts, entry.counts);
  claim->entry.state = LedgerState::kDone;
  ASSERT_TRUE(ledger_->Store(claim->entry, kLease, {}).ok());
  EXPECT_EQ(ledger_->ClaimObject({Key(), "three", 10, kLease}, {})->outcome, Outcome::kDone);
  ASSERT_TRUE(ledger_->Forget(Key(), {}).ok());
  ASSERT_TRUE(ledger_->Forget(Key(), {}).ok()) << "there is none";
  EXPECT_TRUE(absl::IsAborted(ledger_->Store(claim->entry, kLease, {})));
}

TEST_F(FirestoreEmulatorTest, ALeaseExpiresByTheServersClock) {
  absl::StatusOr<Ledger::Claim> dead =
      ledger_->ClaimObject({Key(), "dead", 1, absl::Seconds(1)}, {});
  ASSERT_TRUE(dead.ok());
  EXPECT_LT(absl::AbsDuration(dead->entry.updated - absl::Now()), absl::Minutes(1));
  for (;;) {
    const absl::StatusOr<Ledger::Claim> heir = ledger_->ClaimObject({Key(), "heir", 1, kLease}, {});
    ASSERT_TRUE(heir.ok()) << heir.status();
    if (heir->outcome == Outcome::kClaimed) break;
    ASSERT_LT(absl::Now(), dead->entry.lease_until + absl::Seconds(30));
  }
  EXPECT_TRUE(absl::IsAborted(ledger_->Store(dead->entry, kLease, {})));
}

TEST_F(FirestoreEmulatorTest, ManyWorkersShareManyObjects) {
  constexpr int kObjects = 20;
  constexpr int kWorkers = 6;
  std::atomic<int> done{0};
  std::vector<std::thread> workers;
  for (int w = 0; w < kWorkers; ++w) {
    workers.emplace_back([&, w] {
      for (int i = 0; i < kObjects; ++i) {
        absl::StatusOr<Ledger::Claim> claim =
            ledger_->ClaimObject({Key(StrCat("o", i)), StrCat("worker ", w), 1, kLease}, {});
        ASSERT_TRUE(claim.ok()) << claim.status();
        if (claim->outcome != Outcome::kClaimed) continue;
        claim->entry.state = LedgerState::kDone;
        ASSERT_TRUE(ledger_->Store(claim->entry, kLease, {}).ok());
        ++done;
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(done, kObjects);
}

TEST_F(FirestoreEmulatorTest, ListsSeveralPages) {
  for (int i = 0; i < 310; ++i) {
    ASSERT_TRUE(
        ledger_->ClaimObject({Key(StrCat("o", 1000 + (i * 7) % 310)), "one", 1, kLease}, {}).ok());
  }
  int next = 1000;
  ASSERT_TRUE(ledger_
                  ->ForEach(
                      [&](const LedgerEntry& entry) {
                        EXPECT_EQ(entry.key.object, StrCat("o", next++));
                        return absl::OkStatus();
                      },
                      {})
                  .ok());
  EXPECT_EQ(next, 1310);
}

TEST_F(FirestoreEmulatorTest, TheLifeOfACommit) {
  Intents& intents = ledger_->intents();
  const auto other = MustOpen();
  Intent intent{.id = std::string(32, 'a'), .destination = "d", .parts = {"p"}, .owner = "one"};
  for (const char* object : {"a", "b"}) {
    const auto claim = ledger_->ClaimObject({Key(object), "one", 10, kLease}, {});
    ASSERT_TRUE(claim.ok()) << claim.status();
    intent.spans.push_back(
        {.object = Key(object), .revision = claim->entry.revision, .after = {.row = 7}});
  }
  Intent stale = intent;
  stale.id = std::string(32, 'b');
  --stale.spans[1].revision;
  EXPECT_TRUE(absl::IsAborted(intents.Announce(stale, kLease, {})));
  ASSERT_TRUE(intents.Announce(intent, kLease, {}).ok());
  EXPECT_TRUE(absl::IsAborted(other->intents().Announce(stale, kLease, {})));
  EXPECT_EQ(other->ClaimObject({Key("a"), "two", 10, kLease}, {})->outcome, Outcome::kHeld);
  EXPECT_EQ(ledger_->ClaimObject({Key("a"), "one", 10, kLease}, {})->outcome,
            Outcome::kUncommitted);
  ASSERT_TRUE(intents.Renew(intent, kLease, {}).ok());
  const auto listed = other->intents().List("d", {});
  ASSERT_TRUE(listed.ok()) << listed.status();
  ASSERT_EQ(listed->size(), 1u);
  EXPECT_EQ((*listed)[0].lease_until, intent.lease_until);

  auto taken = other->intents().Take(intent.id, "two", /*owner_is_dead=*/false, kLease, {});
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_FALSE(taken->has_value());
  taken = other->intents().Take(intent.id, "two", /*owner_is_dead=*/true, kLease, {});
  ASSERT_TRUE(taken.ok() && taken->has_value()) << taken.status();
  EXPECT_TRUE(absl::IsAborted(intents.Settle(intent, kLease, {})));
  ASSERT_TRUE(ledger_->Forget(Key("b"), {}).ok());
  ASSERT_TRUE(other->intents().Settle(**taken, kLease, {}).ok());
  EXPECT_EQ((*taken)->spans[1].revision, 0u);
  const auto claim = ledger_->ClaimObject({Key("a"), "one", 10, kLease}, {});
  ASSERT_TRUE(claim.ok()) << claim.status();
  EXPECT_EQ(claim->outcome, Outcome::kClaimed);
  EXPECT_EQ(claim->entry.position.row, 7u);
  EXPECT_TRUE(other->intents().List("d", {})->empty());
}

// As many documents as a commit may have, and a long one.
TEST_F(FirestoreEmulatorTest, TheLargestCommit) {
  Intent intent{.id = std::string(32, 'c'), .destination = "d", .owner = "one"};
  for (size_t i = 0; i < kMaxIntentSpans; ++i) {
    const LedgerKey key = Key(StrCat("gs://b/", std::string(250, 'f'), "/", 1000 + i));
    const auto claim = ledger_->ClaimObject({key, "one", 10, kLease}, {});
    ASSERT_TRUE(claim.ok()) << claim.status();
    intent.spans.push_back({.object = key, .revision = claim->entry.revision, .after = {.row = 7}});
  }
  intent.parts.push_back(std::string(kMaxIntentBytes - intent.Bytes() - 50, 'x'));
  absl::Status status = ledger_->intents().Announce(intent, kLease, {});
  ASSERT_TRUE(status.ok()) << status;
  const auto listed = ledger_->intents().List("d", {});
  ASSERT_TRUE(listed.ok() && listed->size() == 1) << listed.status();
  EXPECT_EQ((*listed)[0].parts, intent.parts);
  status = ledger_->intents().Settle(intent, kLease, {});
  ASSERT_TRUE(status.ok()) << status;
  size_t moved = 0;
  ASSERT_TRUE(ledger_
                  ->ForEach(
                      [&](const LedgerEntry& entry) {
                        moved += entry.position.row == 7 && entry.intent.empty();
                        return absl::OkStatus();
                      },
                      {})
                  .ok());
  EXPECT_EQ(moved, kMaxIntentSpans);
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
