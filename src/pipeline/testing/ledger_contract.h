// The contract of every Ledger (pipeline/ledger.h), as two test suites. Include it in one file of a
// test program and instantiate both:
//   INSTANTIATE_TEST_SUITE_P(Sqlite, LedgerContract, testing::Values(LedgerMaker{&NewFixture}));
//   INSTANTIATE_TEST_SUITE_P(Sqlite, IntentsContract, testing::Values(LedgerMaker{&NewFixture}));
#ifndef MILLRACE_PIPELINE_TESTING_LEDGER_CONTRACT_H_
#define MILLRACE_PIPELINE_TESTING_LEDGER_CONTRACT_H_

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stop_token>
#include <thread>
#include <tuple>
#include <vector>

#include "absl/time/time.h"
#include "base/strings.h"
#include "pipeline/testing/intents_contract.h"
#include "pipeline/testing/ledger_config_contract.h"
#include "pipeline/testing/ledger_fixture.h"

namespace millrace {

TEST_P(LedgerContract, AFirstClaimCreatesAnOpenRow) {
  const LedgerEntry entry = MustClaim(ledger(), Key());
  EXPECT_EQ(entry.key, Key());
  EXPECT_EQ(entry.state, LedgerState::kOpen);
  EXPECT_EQ(entry.position, Position{});
  EXPECT_EQ(entry.counts, Counts{});
  EXPECT_EQ(entry.owner, "one");
  EXPECT_EQ(entry.lease_until, Now() + kLease);
  EXPECT_EQ(entry.started, Now());
  EXPECT_EQ(entry.updated, Now());
  EXPECT_EQ(entry.last_error, "");
  EXPECT_EQ(entry.object_bytes, 1000u);
  ASSERT_EQ(All(other()).size(), 1u);
  ExpectSame(All(other())[0], entry);
}

TEST_P(LedgerContract, AHeldRowIsNotGivenToOthers) {
  const LedgerEntry held = MustClaim(ledger(), Key());
  const absl::StatusOr<Ledger::Claim> claim = other().ClaimObject({Key(), "two", 1000, kLease}, {});
  ASSERT_TRUE(claim.ok()) << claim.status();
  EXPECT_EQ(claim->outcome, Outcome::kHeld);
  ExpectSame(claim->entry, held);
}

TEST_P(LedgerContract, AnOwnerMayClaimItsRowAgain) {
  LedgerEntry first = MustClaim(ledger(), Key());
  LedgerEntry second = MustClaim(ledger(), Key());
  EXPECT_TRUE(absl::IsAborted(ledger().Store(first, kLease, {})));
  EXPECT_TRUE(ledger().Store(second, kLease, {}).ok());
}

TEST_P(LedgerContract, ARowWhoseLeaseRanOutIsTakenOver) {
  LedgerEntry old = MustClaim(ledger(), Key());
  old.position = {.row = 7, .byte = 70};
  old.counts = {.read = 7, .accepted = 6, .rejected = 1, .events = 6};
  ASSERT_TRUE(ledger().Store(old, kLease, {}).ok());
  Advance(kLease - absl::Seconds(1));
  EXPECT_EQ(TryClaim(other(), Key(), "two"), Outcome::kHeld);
  Advance(absl::Seconds(1));
  LedgerEntry taken = MustClaim(other(), Key(), "two");
  EXPECT_EQ(taken.position, old.position);
  EXPECT_EQ(taken.counts, old.counts);
  EXPECT_EQ(taken.owner, "two");

  EXPECT_TRUE(absl::IsAborted(ledger().Store(old, kLease, {})));
  EXPECT_TRUE(absl::IsAborted(ledger().Release(old, {})));
  EXPECT_TRUE(other().Store(taken, kLease, {}).ok());
}

TEST_P(LedgerContract, AStoreKeepsEverythingAndRenewsTheLease) {
  LedgerEntry entry = MustClaim(ledger(), Key());
  const absl::Time started = Now();
  Advance(absl::Minutes(4));
  entry.position = {.row = 1ull << 40, .byte = 1ull << 50};
  entry.counts = {.read = 10, .accepted = 5, .rejected = 3, .filtered = 1, .events = 12};
  entry.last_error = "reading gs://b/k: \"cut\" \n at byte 7 \xc3\xbc";
  const uint64_t revision = entry.revision;
  ASSERT_TRUE(ledger().Store(entry, kLease, {}).ok());
  EXPECT_GT(entry.revision, revision);
  EXPECT_EQ(entry.started, started);
  EXPECT_EQ(entry.updated, Now());
  EXPECT_EQ(entry.lease_until, Now() + kLease);
  Reopen();
  ASSERT_EQ(All(ledger()).size(), 1u);
  ExpectSame(All(ledger())[0], entry);
  EXPECT_TRUE(ledger().Store(entry, kLease, {}).ok()) << "the revision is the stored one";
}

TEST_P(LedgerContract, ADoneRowIsDoneForEver) {
  LedgerEntry entry = MustClaim(ledger(), Key());
  entry.state = LedgerState::kDone;
  entry.counts.read = entry.counts.accepted = 3;
  ASSERT_TRUE(ledger().Store(entry, kLease, {}).ok());
  EXPECT_EQ(entry.owner, "");
  Advance(10 * kLease);
  Reopen();
  const absl::StatusOr<Ledger::Claim> claim = other().ClaimObject({Key(), "one", 1000, kLease}, {});
  ASSERT_TRUE(claim.ok()) << claim.status();
  EXPECT_EQ(claim->outcome, Outcome::kDone);
  ExpectSame(claim->entry, entry);
  EXPECT_TRUE(absl::IsAborted(ledger().Store(entry, kLease, {})));
  EXPECT_TRUE(absl::IsAborted(ledger().Release(entry, {})));
}

TEST_P(LedgerContract, AReleasedRowIsFreeAtOnce) {
  LedgerEntry entry = MustClaim(ledger(), Key());
  entry.position.row = entry.counts.read = entry.counts.accepted = 4;
  ASSERT_TRUE(ledger().Store(entry, kLease, {}).ok());
  LedgerEntry stale = entry;
  ASSERT_TRUE(ledger().Release(entry, {}).ok());
  EXPECT_EQ(entry.owner, "");
  EXPECT_TRUE(absl::IsAborted(ledger().Store(stale, kLease, {})));
  EXPECT_TRUE(absl::IsAborted(ledger().Store(entry, kLease, {})))
      << "nobody's row is not to be stored";
  EXPECT_EQ(MustClaim(other(), Key(), "two").position.row, 4u);
}

TEST_P(LedgerContract, AForgottenRowStartsAgain) {
  EXPECT_TRUE(ledger().Forget(Key(), {}).ok()) << "there was none";
  LedgerEntry entry = MustClaim(ledger(), Key());
  entry.position.row = entry.counts.read = entry.counts.filtered = 4;
  ASSERT_TRUE(ledger().Store(entry, kLease, {}).ok());
  ASSERT_TRUE(other().Forget(Key(), {}).ok());
  EXPECT_TRUE(All(ledger()).empty());
  EXPECT_TRUE(absl::IsAborted(ledger().Store(entry, kLease, {})));
  const LedgerEntry again = MustClaim(ledger(), Key(), "two");
  EXPECT_EQ(again.position, Position{});
  EXPECT_EQ(again.counts, Counts{});
  EXPECT_TRUE(absl::IsAborted(ledger().Store(entry, kLease, {}))) << "of the forgotten row";
}

TEST_P(LedgerContract, EachPartOfTheKeyCounts) {
  std::vector<LedgerKey> keys(5, Key());
  keys[1].object += "2";
  keys[2].version += "2";
  keys[3].config += "2";
  keys[4].destination += "2";
  for (size_t i = 0; i < keys.size(); ++i) {
    LedgerEntry entry = MustClaim(ledger(), keys[i], StrCat("owner ", i));
    ASSERT_TRUE(ledger().Release(entry, {}).ok());
  }
  EXPECT_EQ(All(ledger()).size(), keys.size());
}

TEST_P(LedgerContract, TheWalkIsOrderedAndMayChangeTheLedger) {
  for (int i = 0; i < 300; ++i) MustClaim(ledger(), Key(StrCat("s3://b/", (i * 7) % 300 + 1000)));
  LedgerKey newer = Key("s3://b/1000");
  newer.version += "0";
  MustClaim(ledger(), newer);
  std::vector<LedgerKey> walked;
  const absl::Status status = ledger().ForEach(
      [&](const LedgerEntry& entry) {
        walked.push_back(entry.key);
        return ledger().Forget(entry.key, {}).status();
      },
      {});
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_EQ(walked.size(), 301u);
  for (size_t i = 1; i < walked.size(); ++i) {
    EXPECT_LT(std::tie(walked[i - 1].object, walked[i - 1].version),
              std::tie(walked[i].object, walked[i].version));
  }
  EXPECT_TRUE(All(other()).empty());
}

TEST_P(LedgerContract, AnErrorEndsTheWalk) {
  MustClaim(ledger(), Key("a"));
  MustClaim(ledger(), Key("b"));
  int visits = 0;
  const absl::Status status = ledger().ForEach(
      [&](const LedgerEntry&) {
        ++visits;
        return absl::CancelledError("enough");
      },
      {});
  EXPECT_TRUE(absl::IsCancelled(status));
  EXPECT_EQ(visits, 1);
}

TEST_P(LedgerContract, OfManyClaimersOneWins) {
  constexpr int kObjects = 50;
  std::atomic<int> wins{0};
  std::vector<std::thread> claimers;
  for (int c = 0; c < 4; ++c) {
    claimers.emplace_back([this, c, &wins] {
      Ledger& mine = c % 2 == 0 ? ledger() : other();
      for (int i = 0; i < kObjects; ++i) {
        wins += TryClaim(mine, Key(StrCat("o", i)), StrCat("claimer ", c)) == Outcome::kClaimed;
      }
    });
  }
  for (std::thread& claimer : claimers) claimer.join();
  EXPECT_EQ(wins, kObjects);
}

// Each worker claims, adds one and releases: no addition may be lost.
TEST_P(LedgerContract, ChangesOfManyOwnersFollowEachOther) {
  constexpr int kWorkers = 4;
  constexpr int kAdditions = 25;
  std::vector<std::thread> workers;
  for (int w = 0; w < kWorkers; ++w) {
    workers.emplace_back([this, w] {
      Ledger& mine = w % 2 == 0 ? ledger() : other();
      for (int added = 0; added < kAdditions;) {
        absl::StatusOr<Ledger::Claim> claim =
            mine.ClaimObject({Key(), StrCat("worker ", w), 1, kLease}, {});
        ASSERT_TRUE(claim.ok()) << claim.status();
        if (claim->outcome != Outcome::kClaimed) continue;
        ++claim->entry.counts.read;
        ++claim->entry.counts.accepted;
        ASSERT_TRUE(mine.Store(claim->entry, kLease, {}).ok());
        ASSERT_TRUE(mine.Release(claim->entry, {}).ok());
        ++added;
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  ASSERT_EQ(All(ledger()).size(), 1u);
  EXPECT_EQ(All(ledger())[0].counts.read, uint64_t{kWorkers * kAdditions});
}

// Shared work: workers that claim, store and finish, some of which die.

TEST_P(LedgerContract, ManyWorkersShareManyObjects) {
  constexpr int kObjects = 40;
  constexpr int kWorkers = 8;
  std::vector<std::atomic<int>> done_by(kObjects);
  std::vector<std::thread> workers;
  for (int w = 0; w < kWorkers; ++w) {
    workers.emplace_back([&, w] {
      Ledger& mine = w % 2 == 0 ? ledger() : other();
      for (int i = 0; i < kObjects; ++i) {
        const int n = (i + w * kObjects / kWorkers) % kObjects;
        absl::StatusOr<Ledger::Claim> claim =
            mine.ClaimObject({Key(StrCat("o", n)), StrCat("worker ", w), 1, kLease}, {});
        ASSERT_TRUE(claim.ok()) << claim.status();
        if (claim->outcome != Outcome::kClaimed) continue;
        claim->entry.position.row = claim->entry.counts.read = claim->entry.counts.accepted = 5;
        ASSERT_TRUE(mine.Store(claim->entry, kLease, {}).ok());
        claim->entry.state = LedgerState::kDone;
        ASSERT_TRUE(mine.Store(claim->entry, kLease, {}).ok());
        ++done_by[n];
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  for (int n = 0; n < kObjects; ++n) EXPECT_EQ(done_by[n], 1) << n;
  for (const LedgerEntry& entry : All(ledger())) {
    EXPECT_EQ(entry.state, LedgerState::kDone);
    EXPECT_EQ(entry.revision, 3u) << "one claim, two stores: " << entry.key.object;
  }
}

TEST_P(LedgerContract, OneOfManyWorkersTakesOverADeadWorkersObject) {
  constexpr int kHeirs = 8;
  LedgerEntry dead = MustClaim(ledger(), Key(), "dead");
  dead.position.row = dead.counts.read = dead.counts.accepted = 9;
  ASSERT_TRUE(ledger().Store(dead, kLease, {}).ok());
  Advance(kLease);
  std::atomic<int> wins{0};
  std::vector<std::thread> heirs;
  for (int h = 0; h < kHeirs; ++h) {
    heirs.emplace_back([&, h] {
      wins +=
          TryClaim(h % 2 == 0 ? ledger() : other(), Key(), StrCat("heir ", h)) == Outcome::kClaimed;
    });
  }
  for (std::thread& heir : heirs) heir.join();
  EXPECT_EQ(wins, 1);
  EXPECT_EQ(All(ledger())[0].position.row, 9u);
  EXPECT_TRUE(absl::IsAborted(ledger().Store(dead, kLease, {}))) << "it was not dead after all";
}

// A slow sink: nothing changes for long, but the lease is renewed by stores that change nothing.
TEST_P(LedgerContract, RenewedLeasesAreKept) {
  LedgerEntry entry = MustClaim(ledger(), Key());
  for (int beat = 0; beat < 8; ++beat) {
    Advance(kLease / 2);
    ASSERT_TRUE(ledger().Store(entry, kLease, {}).ok());
    EXPECT_EQ(TryClaim(other(), Key(), "two"), Outcome::kHeld);
  }
  EXPECT_EQ(entry.lease_until, Now() + kLease);
}

TEST_P(LedgerContract, AfterAStopNothingIsChanged) {
  const LedgerEntry entry = MustClaim(ledger(), Key());
  LedgerEntry mine = entry;
  std::stop_source source;
  source.request_stop();
  const std::stop_token stop = source.get_token();
  EXPECT_TRUE(absl::IsCancelled(
      ledger().ClaimObject({Key("s3://b/another"), "one", 1000, kLease}, stop).status()));
  mine.position.row = mine.counts.read = mine.counts.accepted = 7;
  EXPECT_TRUE(absl::IsCancelled(ledger().Store(mine, kLease, stop)));
  EXPECT_TRUE(absl::IsCancelled(ledger().Release(mine, stop)));
  EXPECT_TRUE(absl::IsCancelled(ledger().Forget(Key(), stop).status()));
  EXPECT_TRUE(absl::IsCancelled(ledger().ForEach(
      [](const LedgerEntry&) {
        ADD_FAILURE() << "a row is shown";
        return absl::OkStatus();
      },
      stop)));
  ASSERT_EQ(All(ledger()).size(), 1u);
  ExpectSame(All(ledger())[0], entry);
}

TEST_P(LedgerContract, AStopEndsCallsThatAreHeldUp) {
  const LedgerEntry entry = MustClaim(ledger(), Key());
  LedgerEntry stored = entry, released = entry;
  ExpectStopEndsEach(
      {[&](std::stop_token stop) {
         return ledger().ClaimObject({Key("s3://b/another"), "one", 1000, kLease}, stop).status();
       },
       [&](std::stop_token stop) { return ledger().Store(stored, kLease, stop); },
       [&](std::stop_token stop) { return ledger().Release(released, stop); }});
  EXPECT_EQ(TryClaim(ledger(), Key("s3://b/third"), "one"), Outcome::kClaimed) << "works again";
}

TEST_P(LedgerContract, ManyMayOpenItAtOnce) {
  std::vector<std::thread> openers;
  for (int i = 0; i < 4; ++i) {
    openers.emplace_back([this, i] {
      const std::unique_ptr<Ledger> mine = OpenAnother();
      if (mine == nullptr) return;  // it can be opened once only
      EXPECT_EQ(TryClaim(*mine, Key(StrCat("o", i)), "one"), Outcome::kClaimed);
    });
  }
  for (std::thread& opener : openers) opener.join();
}

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_TESTING_LEDGER_CONTRACT_H_
