#include "objects/ledger_view.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "pipeline/testing/memory_ledger.h"

namespace millrace {
namespace {

using State = LedgerStanding::State;

const LedgerKey kKey{"/d/a", "1", "c:1", "mixpanel:x"};

class LedgerViewTest : public ::testing::Test {
 protected:
  void Store(const LedgerKey& key, LedgerState state, uint64_t row) {
    auto claim = ledger_.ClaimObject({key, "me", 100, absl::Minutes(5)}, {});
    ASSERT_TRUE(claim.ok());
    claim->entry.state = state;
    claim->entry.position = {row, row * 10};
    ASSERT_TRUE(ledger_.Store(claim->entry, absl::Minutes(5), {}).ok());
  }
  LedgerStanding Find(const LedgerKey& key) {
    auto view = LedgerView::Load(ledger_, {"mixpanel:x"}, clock_.Now(), {});
    EXPECT_TRUE(view.ok());
    return view->Find(key);
  }

  FakeClock clock_;
  MemoryLedger ledger_{clock_};
};

TEST_F(LedgerViewTest, AnEmptyLedgerHasNothing) {
  const LedgerStanding standing = Find(kKey);
  EXPECT_EQ(standing.state, State::kNew);
  EXPECT_FALSE(standing.object_changed);
  EXPECT_FALSE(standing.config_changed);
}

TEST_F(LedgerViewTest, KnowsWhatIsDone) {
  Store(kKey, LedgerState::kDone, 7);
  EXPECT_EQ(Find(kKey).state, State::kDone);
  EXPECT_EQ(Find(kKey).position.row, 7u);
}

TEST_F(LedgerViewTest, KnowsWhereAnOpenObjectResumesAndWhetherItIsHeld) {
  Store(kKey, LedgerState::kOpen, 7);
  EXPECT_EQ(Find(kKey).state, State::kPartlyDone);
  EXPECT_EQ(Find(kKey).position, (Position{7, 70}));
  EXPECT_TRUE(Find(kKey).held);
  clock_.Advance(absl::Minutes(6));
  EXPECT_FALSE(Find(kKey).held);
}

TEST_F(LedgerViewTest, TellsAChangedObjectFromAChangedConfig) {
  Store(kKey, LedgerState::kDone, 7);
  const LedgerStanding new_version = Find({"/d/a", "2", "c:1", "mixpanel:x"});
  EXPECT_EQ(new_version.state, State::kNew);
  EXPECT_TRUE(new_version.object_changed);
  EXPECT_FALSE(new_version.config_changed);
  const LedgerStanding new_config = Find({"/d/a", "1", "c:2", "mixpanel:x"});
  EXPECT_EQ(new_config.state, State::kNew);
  EXPECT_FALSE(new_config.object_changed);
  EXPECT_TRUE(new_config.config_changed);
}

TEST_F(LedgerViewTest, AConfigThatHasSentNothingDoesNotCount) {
  Store(kKey, LedgerState::kOpen, 0);
  const LedgerKey other = {"/d/a", "1", "c:2", "mixpanel:x"};
  EXPECT_TRUE(Find(other).held) << "it may still send something";
  EXPECT_FALSE(Find(other).config_changed);
  clock_.Advance(absl::Minutes(6));
  EXPECT_TRUE(Find(other).config_changed) << "a worker died, and it is unknown what it sent";
}

TEST_F(LedgerViewTest, WhatMayHaveBeenSentCountsThoughNoPositionShowsIt) {
  auto claim = ledger_.ClaimObject({kKey, "me", 100, absl::Minutes(5)}, {});
  ASSERT_TRUE(claim.ok());
  claim->entry.maybe_sent = true;
  ASSERT_TRUE(ledger_.Store(claim->entry, absl::Minutes(5), {}).ok());
  const LedgerKey other = {"/d/a", "1", "c:2", "mixpanel:x"};
  EXPECT_TRUE(Find(other).config_changed) << "held or not";
  ASSERT_TRUE(ledger_.Release(claim->entry, {}).ok());
  EXPECT_TRUE(Find(other).config_changed);
}

TEST_F(LedgerViewTest, AnAnnouncedCommitCountsAsSent) {
  auto claim = ledger_.ClaimObject({kKey, "me", 100, absl::Minutes(5)}, {});
  ASSERT_TRUE(claim.ok());
  Intent intent{.id = std::string(32, '1'), .destination = kKey.destination, .owner = "me"};
  intent.spans.push_back({.object = kKey, .revision = claim->entry.revision});
  Ledger& ledger = ledger_;
  ASSERT_TRUE(ledger.intents().Announce(intent, absl::Minutes(5), {}).ok());
  const LedgerKey other = {"/d/a", "1", "c:2", "mixpanel:x"};
  EXPECT_TRUE(Find(other).config_changed);
  EXPECT_FALSE(Find(other).held);
  EXPECT_EQ(Find(kKey).state, State::kPartlyDone);
}

TEST_F(LedgerViewTest, OtherDestinationsDoNotCount) {
  Store({"/d/a", "1", "c:1", "mixpanel:y"}, LedgerState::kDone, 7);
  EXPECT_EQ(Find(kKey).state, State::kNew);
  EXPECT_FALSE(Find(kKey).config_changed);
}

}  // namespace
}  // namespace millrace
