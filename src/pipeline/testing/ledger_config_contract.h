// The part of the contract of every Ledger that is about changed configs and mapping versions.
// Included by ledger_contract.h.
#ifndef MILLRACE_PIPELINE_TESTING_LEDGER_CONFIG_CONTRACT_H_
#define MILLRACE_PIPELINE_TESTING_LEDGER_CONFIG_CONTRACT_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "base/strings.h"
#include "pipeline/testing/ledger_fixture.h"

namespace millrace {

// The same rows under another config would get other ids.
TEST_P(LedgerContract, WhatIsDoneUnderAnotherConfigIsLeftAlone) {
  LedgerEntry entry = MustClaim(ledger(), Key());
  entry.state = LedgerState::kDone;
  entry.position.row = entry.counts.read = entry.counts.accepted = 3;
  ASSERT_TRUE(ledger().Store(entry, kLease, {}).ok());
  const absl::StatusOr<Ledger::Claim> claim =
      other().ClaimObject({Changed(), "two", 1, kLease}, {});
  ASSERT_TRUE(claim.ok()) << claim.status();
  EXPECT_EQ(claim->outcome, Outcome::kConfigChanged);
  ExpectSame(claim->entry, entry);
  ASSERT_EQ(All(ledger()).size(), 1u) << "nothing was changed";
  ExpectSame(All(ledger())[0], entry);
  EXPECT_EQ(TryClaim(other(), Key(), "two"), Outcome::kDone) << "the config is as it was";
}

TEST_P(LedgerContract, OtherVersionsAndDestinationsDoNotCount) {
  LedgerEntry entry = MustClaim(ledger(), Key());
  entry.position.row = entry.counts.read = entry.counts.accepted = 3;
  ASSERT_TRUE(ledger().Store(entry, kLease, {}).ok());
  LedgerKey key = Changed();
  key.version += "2";
  MustClaim(ledger(), key, "two");
  key = Changed();
  key.destination += "2";
  MustClaim(ledger(), key, "two");
}

TEST_P(LedgerContract, WhatIsPartlyDoneUnderAnotherConfigIsLeftAlone) {
  LedgerEntry entry = MustClaim(ledger(), Key());
  entry.position.row = entry.counts.read = entry.counts.accepted = 3;
  ASSERT_TRUE(ledger().Store(entry, kLease, {}).ok());
  EXPECT_EQ(TryClaim(other(), Changed(), "two"), Outcome::kConfigChanged) << "whoever holds it";
  ASSERT_TRUE(ledger().Release(entry, {}).ok());
  EXPECT_EQ(TryClaim(other(), Changed(), "two"), Outcome::kConfigChanged);
  EXPECT_EQ(MustClaim(other(), Key(), "two").position.row, 3u) << "the config is as it was";
}

TEST_P(LedgerContract, WhatWasNotBegunMayBeDoneUnderAnotherConfig) {
  LedgerEntry entry = MustClaim(ledger(), Key());
  EXPECT_EQ(TryClaim(other(), Changed(), "two"), Outcome::kHeld) << "it may come to nothing";
  entry.last_error = "row 1 cannot be read";
  ASSERT_TRUE(ledger().Store(entry, kLease, {}).ok());
  ASSERT_TRUE(ledger().Release(entry, {}).ok());
  MustClaim(other(), Changed(), "two");
  EXPECT_EQ(TryClaim(ledger(), Key(), "one"), Outcome::kHeld);
}

// It may have sent rows without recording them.
TEST_P(LedgerContract, WhatADeadWorkerHadUnderAnotherConfigIsLeftAlone) {
  MustClaim(ledger(), Key(), "dead");
  Advance(kLease);
  EXPECT_EQ(TryClaim(other(), Changed(), "two"), Outcome::kConfigChanged);
  MustClaim(other(), Key(), "two");
}

// A worker that took over from a dead one cannot know what that one sent, and releasing the row
// does not change that.
TEST_P(LedgerContract, WhatADeadWorkerHadIsNotForgottenByThoseWhoFollow) {
  MustClaim(ledger(), Key(), "dead");
  Advance(kLease);
  LedgerEntry entry = MustClaim(other(), Key(), "two");
  EXPECT_TRUE(entry.maybe_sent);
  EXPECT_EQ(TryClaim(ledger(), Changed(), "three"), Outcome::kConfigChanged) << "held or not";
  ASSERT_TRUE(other().Release(entry, {}).ok());
  EXPECT_EQ(TryClaim(ledger(), Changed(), "three"), Outcome::kConfigChanged);
  EXPECT_TRUE(MustClaim(ledger(), Key(), "four").maybe_sent) << "the config is as it was";
}

TEST_P(LedgerContract, WhatWasSentAndNotRecordedIsLeftAloneUnderAnotherConfig) {
  LedgerEntry entry = MustClaim(ledger(), Key());
  EXPECT_FALSE(entry.maybe_sent);
  EXPECT_FALSE(MustClaim(ledger(), Key()).maybe_sent) << "by the same owner";
  entry = MustClaim(ledger(), Key());
  entry.maybe_sent = true;
  ASSERT_TRUE(ledger().Store(entry, kLease, {}).ok());
  ASSERT_TRUE(ledger().Release(entry, {}).ok());
  EXPECT_EQ(TryClaim(other(), Changed(), "two"), Outcome::kConfigChanged);
  Reopen();
  ASSERT_EQ(All(ledger()).size(), 1u);
  ExpectSame(All(ledger())[0], entry);
}

TEST_P(LedgerContract, OfClaimsUnderManyConfigsAtMostOneWins) {
  constexpr int kObjects = 25;
  std::vector<std::atomic<int>> wins(kObjects);
  std::vector<std::thread> claimers;
  for (int c = 0; c < 4; ++c) {
    claimers.emplace_back([this, c, &wins] {
      Ledger& mine = c % 2 == 0 ? ledger() : other();
      for (int i = 0; i < kObjects; ++i) {
        LedgerKey key = Key(StrCat("o", i));
        key.config = StrCat("config ", c);
        wins[i] += TryClaim(mine, key, StrCat("claimer ", c)) == Outcome::kClaimed;
      }
    });
  }
  for (std::thread& claimer : claimers) claimer.join();
  for (int i = 0; i < kObjects; ++i) EXPECT_LE(wins[i], 1) << i;
  for (const LedgerEntry& entry : All(ledger())) {
    EXPECT_NE(entry.owner, "") << "who gave way left nothing: " << entry.key.config;
  }
}

TEST_P(LedgerContract, ForgettingIsOfEveryConfig) {
  LedgerEntry entry = MustClaim(ledger(), Key());
  ASSERT_TRUE(ledger().Release(entry, {}).ok());
  MustClaim(ledger(), Changed());
  MustClaim(ledger(), Key("s3://b/other"));
  absl::StatusOr<std::vector<LedgerKey>> forgotten = other().Forget(Key(), {});
  ASSERT_TRUE(forgotten.ok()) << forgotten.status();
  std::sort(forgotten->begin(), forgotten->end());
  EXPECT_EQ(*forgotten, (std::vector<LedgerKey>{Key(), Changed()}));
  ASSERT_EQ(All(ledger()).size(), 1u);
  EXPECT_EQ(All(ledger())[0].key.object, "s3://b/other");
}

TEST_P(LedgerContract, TheMappingVersionIsThatOfTheFirstRows) {
  absl::StatusOr<Ledger::Claim> claim = ClaimAs(ledger(), Key(), "one", 3);
  ASSERT_TRUE(claim.ok()) << claim.status();
  EXPECT_EQ(claim->entry.mapping_version, 3u);
  ASSERT_TRUE(ledger().Release(claim->entry, {}).ok());
  claim = ClaimAs(other(), Key(), "one", 4);
  ASSERT_TRUE(claim.ok()) << claim.status();
  EXPECT_EQ(claim->entry.mapping_version, 4u) << "nothing was sent by the older one";
  EXPECT_EQ(claim->entry.config_parts, "mappings:4");
  claim->entry.position.row = claim->entry.counts.read = claim->entry.counts.accepted = 2;
  ASSERT_TRUE(other().Store(claim->entry, kLease, {}).ok());
  ASSERT_TRUE(other().Release(claim->entry, {}).ok());
  claim = ClaimAs(ledger(), Key(), "one", 5);
  ASSERT_TRUE(claim.ok()) << claim.status();
  EXPECT_EQ(claim->outcome, Outcome::kClaimed) << "its other rows were never sent";
  EXPECT_EQ(claim->entry.mapping_version, 4u);
  ASSERT_TRUE(ledger().Store(claim->entry, kLease, {}).ok());
  Reopen();
  ASSERT_EQ(All(ledger()).size(), 1u);
  ExpectSame(All(ledger())[0], claim->entry);
}

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_TESTING_LEDGER_CONFIG_CONTRACT_H_
