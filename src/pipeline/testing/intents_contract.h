// The part of the contract of every Ledger that is about announced commits (pipeline/intents.h).
// Included by ledger_contract.h.
#ifndef MILLRACE_PIPELINE_TESTING_INTENTS_CONTRACT_H_
#define MILLRACE_PIPELINE_TESTING_INTENTS_CONTRACT_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/strings.h"
#include "pipeline/intents.h"
#include "pipeline/testing/intents_fixture.h"

namespace millrace {

// Announcing.

TEST_P(IntentsContract, AnAnnouncedCommitCoversItsRows) {
  const LedgerEntry a = MustClaim(ledger(), Key("a"));
  const LedgerEntry b = MustClaim(ledger(), Key("b"));
  const LedgerEntry c = MustClaim(ledger(), Key("c"));
  Advance(absl::Minutes(1));
  Intent intent = IntentOf({a, b});
  intent.spans[1].state = LedgerState::kDone;
  intent.spans[1].last_error = "row 3: \"cut\"";
  ASSERT_TRUE(mine().Announce(intent, kLease, {}).ok());
  EXPECT_EQ(intent.lease_until, Now() + kLease);
  EXPECT_GT(intent.revision, 0u);
  for (const LedgerEntry* before : {&a, &b}) {
    const LedgerEntry row = Row(before->key);
    EXPECT_EQ(row.intent, intent.id);
    EXPECT_EQ(row.revision, intent.spans[before == &b].revision);
    EXPECT_GT(row.revision, before->revision);
    EXPECT_EQ(row.position, Position{}) << "nothing has moved yet";
    EXPECT_EQ(row.state, LedgerState::kOpen);
    EXPECT_EQ(row.owner, "one");
    EXPECT_TRUE(MayHaveSent(row));
  }
  ExpectSame(Row("c"), c);
  Reopen();
  const std::vector<Intent> listed = Listed();
  ASSERT_EQ(listed.size(), 1u);
  ExpectSame(listed[0], intent);
  EXPECT_EQ(listed[0].spans[0].revision, 0u);
  EXPECT_EQ(Row("a").intent, intent.id);
}

TEST_P(IntentsContract, OneWrongSpanRefusesTheWholeCommit) {
  const LedgerEntry a = MustClaim(ledger(), Key("a"));
  const LedgerEntry b = MustClaim(ledger(), Key("b"));
  const LedgerEntry theirs = MustClaim(ledger(), Key("theirs"), "two");
  LedgerEntry released = MustClaim(ledger(), Key("released"));
  ASSERT_TRUE(ledger().Release(released, {}).ok());
  LedgerEntry stale = b;
  --stale.revision;
  LedgerEntry gone = b;
  gone.key.object = "gone";
  LedgerEntry changed = b;
  changed.key.config += "2";
  const Intent covering = MustAnnounce({"covered"}, /*id=*/2);
  const std::vector<LedgerEntry> before = All(ledger());
  for (const LedgerEntry& wrong : {theirs, released, stale, gone, changed, Row("covered")}) {
    Intent intent = IntentOf({a, wrong});
    const absl::Status status = mine().Announce(intent, kLease, {});
    EXPECT_TRUE(absl::IsAborted(status)) << wrong.key.object << ": " << status;
    ExpectAllSame(before);
  }
  ASSERT_EQ(Listed().size(), 1u);
  ExpectSame(Listed()[0], covering);
  Intent intent = IntentOf({a, b});
  EXPECT_TRUE(mine().Announce(intent, kLease, {}).ok()) << "the rows are as they were";
}

TEST_P(IntentsContract, AnIdIsUsedOnce) {
  MustAnnounce({"a"}, /*id=*/1);
  const LedgerEntry b = MustClaim(ledger(), Key("b"));
  Intent again = IntentOf({b}, /*id=*/1);
  EXPECT_TRUE(absl::IsAborted(mine().Announce(again, kLease, {})));
  ExpectSame(Row("b"), b);
}

TEST_P(IntentsContract, WhatIsNoIntentIsInvalid) {
  const LedgerEntry a = MustClaim(ledger(), Key("a"));
  const std::vector<std::function<void(Intent&)>> faults = {
      [](Intent& intent) { intent.id = "1"; },
      [](Intent& intent) { intent.id[3] = 'G'; },
      [](Intent& intent) { intent.owner.clear(); },
      [](Intent& intent) { intent.spans.clear(); },
      [](Intent& intent) { intent.spans.push_back(intent.spans[0]); },
      [](Intent& intent) { intent.destination += "2"; },
      [](Intent& intent) { intent.parts = {std::string(kMaxIntentBytes, 'x')}; },
      [](Intent& intent) {
        while (intent.spans.size() <= kMaxIntentSpans) {
          intent.spans.push_back(intent.spans[0]);
          intent.spans.back().object.object = StrCat("o", intent.spans.size());
        }
      }};
  for (size_t i = 0; i < faults.size(); ++i) {
    Intent intent = IntentOf({a});
    faults[i](intent);
    const absl::Status status = mine().Announce(intent, kLease, {});
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << i << ": " << status;
  }
  ExpectSame(Row("a"), a);
  EXPECT_TRUE(Listed().empty());
}

TEST_P(IntentsContract, OfManyAnnouncementsOneWins) {
  const std::vector<LedgerEntry> rows = {
      MustClaim(ledger(), Key("a")), MustClaim(ledger(), Key("b")), MustClaim(ledger(), Key("c"))};
  constexpr int kThreads = 4;
  std::atomic<int> wins{0}, aborted{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      // Each begins with another row, so that they meet in all orders.
      std::vector<LedgerEntry> turned = rows;
      std::rotate(turned.begin(), turned.begin() + t % 3, turned.end());
      Intent intent = IntentOf(turned, t + 1);
      absl::Status status = absl::UnavailableError("");
      while (absl::IsUnavailable(status)) {
        status = (t % 2 == 0 ? mine() : others()).Announce(intent, kLease, {});
      }
      wins += status.ok();
      aborted += absl::IsAborted(status);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wins, 1);
  EXPECT_EQ(aborted, kThreads - 1);
  ASSERT_EQ(Listed().size(), 1u);
  for (const LedgerEntry& row : All(ledger())) EXPECT_EQ(row.intent, Listed()[0].id);
}

// kMaxIntentSpans objects with names that take all of kMaxIntentBytes.
TEST_P(IntentsContract, TheLargestCommitIsAnnouncedTakenAndSettled) {
  std::vector<LedgerEntry> rows;
  const std::string folder = "gs://bucket/" + std::string(250, 'f') + "/";
  for (size_t i = 0; i < kMaxIntentSpans; ++i) {
    rows.push_back(MustClaim(ledger(), Key(StrCat(folder, 1000 + i))));
  }
  Intent intent = IntentOf(rows);
  intent.spans[0].last_error = std::string(kMaxIntentBytes - intent.Bytes(), 'x');
  intent.spans[1].state = LedgerState::kDone;
  ASSERT_LE(intent.Bytes(), kMaxIntentBytes);
  ASSERT_GT(intent.Bytes(), kMaxIntentBytes - 100);
  absl::Status status = mine().Announce(intent, kLease, {});
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_EQ(Listed().size(), 1u);
  ExpectSame(Listed()[0], intent);
  Intent taken = MustTake(intent.id, "two", /*owner_is_dead=*/true);
  status = others().Settle(taken, kLease, {});
  ASSERT_TRUE(status.ok()) << status;
  const std::vector<LedgerEntry> after = All(ledger());
  ASSERT_EQ(after.size(), kMaxIntentSpans);
  for (size_t i = 0; i < after.size(); ++i) ExpectMoved(after[i], taken.spans[i]);
  EXPECT_TRUE(Listed().empty());
}

// Rows under an announced commit.

TEST_P(IntentsContract, ACoveredRowIsNotClaimed) {
  const Intent intent = MustAnnounce({"a"});
  const LedgerEntry before = Row("a");
  LedgerEntry held = Refused("a", "two", Outcome::kHeld);
  EXPECT_EQ(held.intent, intent.id);
  EXPECT_EQ(held.owner, "one");
  EXPECT_EQ(held.lease_until, intent.lease_until);
  EXPECT_EQ(Refused("a", "one", Outcome::kUncommitted).intent, intent.id) << "by its owner";
  Advance(kLease - absl::Seconds(1));
  Refused("a", "two", Outcome::kHeld);
  Advance(absl::Seconds(1));
  const LedgerEntry left = Refused("a", "two", Outcome::kUncommitted);
  EXPECT_EQ(left.intent, intent.id);
  EXPECT_EQ(left.owner, "one");
  EXPECT_EQ(left.lease_until, intent.lease_until);
  ExpectSame(Row("a"), before);
}

TEST_P(IntentsContract, TheLeaseOfTheCommitCounts) {
  Intent intent = MustAnnounce({"a", "b"});
  LedgerEntry b = Row("b");
  ASSERT_TRUE(ledger().Release(b, {}).ok());
  EXPECT_EQ(b.intent, intent.id);
  EXPECT_EQ(Row("b").owner, "");
  Refused("b", "two", Outcome::kHeld);
  for (int beat = 0; beat < 4; ++beat) {
    Advance(kLease / 2);
    ASSERT_TRUE(mine().Renew(intent, kLease, {}).ok());
    EXPECT_EQ(intent.lease_until, Now() + kLease);
    Refused("a", "two", Outcome::kHeld);
  }
  ASSERT_EQ(Listed().size(), 1u);
  ExpectSame(Listed()[0], intent);
  ASSERT_TRUE(mine().Settle(intent, kLease, {}).ok());
  EXPECT_EQ(Row("b").owner, "") << "it was released";
  EXPECT_EQ(MustClaim(other(), Key("b"), "two").position.row, 7u);
}

TEST_P(IntentsContract, ACoveredRowMayHaveBeenSent) {
  MustAnnounce({"a"});
  LedgerKey changed = Key("a");
  changed.config += "2";
  const absl::StatusOr<Ledger::Claim> claim =
      other().ClaimObject({changed, "two", 1000, kLease}, {});
  ASSERT_TRUE(claim.ok()) << claim.status();
  EXPECT_EQ(claim->outcome, Outcome::kConfigChanged) << "whoever holds it";
  ExpectSame(claim->entry, Row("a"));
  LedgerEntry row = Row("a");
  ASSERT_TRUE(ledger().Release(row, {}).ok());
  EXPECT_EQ(TryClaim(other(), changed, "two"), Outcome::kConfigChanged);
}

TEST_P(IntentsContract, TheOwnerOfACoveredRowRenewsItOnly) {
  LedgerEntry row = MustClaim(ledger(), Key("a"));
  Intent intent = IntentOf({row});
  ASSERT_TRUE(mine().Announce(intent, kLease, {}).ok());
  EXPECT_TRUE(absl::IsAborted(ledger().Store(row, kLease, {}))) << "of an earlier revision";
  row.revision = intent.spans[0].revision;  // all that the run knows of the row
  Advance(kLease / 2);
  row.maybe_sent = true;
  ASSERT_TRUE(ledger().Store(row, kLease, {}).ok());
  EXPECT_EQ(Row("a").intent, intent.id);
  EXPECT_TRUE(Row("a").maybe_sent);
  EXPECT_EQ(row.lease_until, Now() + kLease);
  ASSERT_TRUE(ledger().Store(row, kLease, {}).ok()) << "the revision is the stored one";
  ExpectSame(Row("a"), row);

  LedgerEntry moved = row;
  moved.position.row = moved.counts.read = moved.counts.accepted = 1;
  EXPECT_TRUE(absl::IsFailedPrecondition(ledger().Store(moved, kLease, {})));
  LedgerEntry done = row;
  done.state = LedgerState::kDone;
  EXPECT_TRUE(absl::IsFailedPrecondition(ledger().Store(done, kLease, {})));
  ExpectSame(Row("a"), row);

  ASSERT_TRUE(mine().Settle(intent, kLease, {}).ok());
  row.revision = intent.spans[0].revision;
  row.position = intent.spans[0].after;
  row.counts = intent.spans[0].counts;
  row.position.row = row.counts.read = 8;
  ++row.counts.accepted;
  ASSERT_TRUE(ledger().Store(row, kLease, {}).ok()) << "it is no longer covered";
  ExpectSame(Row("a"), row);
}

// Ending.

TEST_P(IntentsContract, SettlingMovesEveryRow) {
  LedgerEntry a = MustClaim(ledger(), Key("a"));
  a.position.row = a.counts.read = a.counts.accepted = 3;
  a.maybe_sent = true;
  ASSERT_TRUE(ledger().Store(a, kLease, {}).ok());
  const LedgerEntry b = MustClaim(ledger(), Key("b"));
  Intent intent = IntentOf({a, b});
  intent.spans[0].last_error = "row 9: \"cut\"";
  intent.spans[1].state = LedgerState::kDone;
  ASSERT_TRUE(mine().Announce(intent, kLease, {}).ok());
  Advance(absl::Minutes(1));
  ASSERT_TRUE(mine().Settle(intent, 2 * kLease, {}).ok());
  Reopen();
  ExpectMoved(Row("a"), intent.spans[0]);
  EXPECT_EQ(Row("a").owner, "one");
  EXPECT_EQ(Row("a").lease_until, Now() + 2 * kLease);
  EXPECT_TRUE(Row("a").maybe_sent) << "as it was";
  EXPECT_EQ(Row("a").started, a.started);
  ExpectMoved(Row("b"), intent.spans[1]);
  EXPECT_EQ(Row("b").owner, "");
  EXPECT_LE(Row("b").lease_until, Now());
  EXPECT_TRUE(Listed().empty());
  Refused("b", "one", Outcome::kDone);
  Refused("a", "two", Outcome::kHeld);
  EXPECT_TRUE(absl::IsAborted(mine().Settle(intent, kLease, {}))) << "once";
  EXPECT_TRUE(absl::IsAborted(mine().Withdraw(intent, {})));
  EXPECT_TRUE(absl::IsAborted(mine().Renew(intent, kLease, {})));
  EXPECT_TRUE(TakesNothing(intent.id, "one"));
}

TEST_P(IntentsContract, ForgottenRowsAreSkipped) {
  Intent intent = MustAnnounce({"a", "b", "c"});
  ASSERT_TRUE(other().Forget(Key("a"), {}).ok());
  ASSERT_TRUE(other().Forget(Key("b"), {}).ok());
  const LedgerEntry begun_again = MustClaim(other(), Key("b"), "two");
  ASSERT_TRUE(mine().Settle(intent, kLease, {}).ok());
  ASSERT_EQ(All(ledger()).size(), 2u);
  ExpectSame(Row("b"), begun_again);
  ExpectMoved(Row("c"), intent.spans[2]);
  EXPECT_EQ(intent.spans[0].revision, 0u);
  EXPECT_EQ(intent.spans[1].revision, 0u);
  EXPECT_TRUE(Listed().empty());
}

TEST_P(IntentsContract, ACommitWhoseRowsAreAllForgottenCanBeEnded) {
  Intent intent = MustAnnounce({"a"}, 1);
  Intent another = MustAnnounce({"b"}, 2);
  ASSERT_TRUE(other().Forget(Key("a"), {}).ok());
  ASSERT_TRUE(other().Forget(Key("b"), {}).ok());
  ASSERT_EQ(Listed().size(), 2u);
  EXPECT_TRUE(mine().Settle(intent, kLease, {}).ok());
  another = MustTake(another.id, "one");
  EXPECT_EQ(another.spans[0].revision, 0u);
  EXPECT_TRUE(mine().Withdraw(another, {}).ok());
  EXPECT_TRUE(Listed().empty());
  EXPECT_TRUE(All(ledger()).empty());
}

TEST_P(IntentsContract, WithdrawingMovesNothing) {
  LedgerEntry a = MustClaim(ledger(), Key("a"));
  a.position.row = a.counts.read = a.counts.accepted = 3;
  ASSERT_TRUE(ledger().Store(a, kLease, {}).ok());
  Intent intent = IntentOf({a, MustClaim(ledger(), Key("b"))});
  ASSERT_TRUE(mine().Announce(intent, kLease, {}).ok());
  ASSERT_TRUE(other().Forget(Key("b"), {}).ok());
  ASSERT_TRUE(mine().Withdraw(intent, {}).ok());
  EXPECT_EQ(intent.spans[1].revision, 0u);
  Reopen();
  EXPECT_TRUE(Listed().empty());
  const LedgerEntry row = Row("a");
  EXPECT_EQ(row.intent, "");
  EXPECT_EQ(row.owner, "one");
  EXPECT_EQ(row.position, a.position);
  EXPECT_EQ(row.counts, a.counts);
  EXPECT_EQ(row.revision, intent.spans[0].revision);
  a.revision = intent.spans[0].revision;
  a.position.row = a.counts.read = a.counts.accepted = 4;
  EXPECT_TRUE(ledger().Store(a, kLease, {}).ok()) << "its owner resumes";
  EXPECT_TRUE(absl::IsAborted(mine().Withdraw(intent, {}))) << "once";
  EXPECT_TRUE(absl::IsAborted(mine().Settle(intent, kLease, {})));
  ExpectSame(Row("a"), a);
}

TEST_P(IntentsContract, AMessageThatIsNotUtf8DoesNotStopACommit) {
  LedgerEntry a = MustClaim(ledger(), Key("a"));
  Intent intent = IntentOf({a});
  intent.spans[0].last_error = std::string("row 1: \xE9 \0", 10);
  ASSERT_TRUE(mine().Announce(intent, kLease, {}).ok());
  EXPECT_TRUE(mine().Settle(intent, kLease, {}).ok());
  EXPECT_EQ(Row("a").position.row, 7u);
}

// Taking over.

TEST_P(IntentsContract, TakingOverFencesTheFirstOwner) {
  Intent intent = MustAnnounce({"a", "b"});
  LedgerEntry a = Row("a");
  Advance(kLease);
  Reopen();
  Intent taken = MustTake(intent.id, "two");
  EXPECT_EQ(taken.owner, "two");
  EXPECT_EQ(taken.lease_until, Now() + kLease);
  EXPECT_EQ(taken.parts, intent.parts);
  ASSERT_EQ(taken.spans.size(), 2u);
  EXPECT_EQ(taken.spans[0].after, intent.spans[0].after);
  EXPECT_EQ(taken.spans[0].revision, Row("a").revision);
  EXPECT_EQ(Row("a").owner, "");
  EXPECT_EQ(Row("a").intent, intent.id);
  const std::vector<LedgerEntry> before = All(ledger());
  EXPECT_TRUE(absl::IsAborted(ledger().Store(a, kLease, {})));
  EXPECT_TRUE(absl::IsAborted(ledger().Release(a, {})));
  EXPECT_TRUE(absl::IsAborted(mine().Renew(intent, kLease, {})));
  EXPECT_TRUE(absl::IsAborted(mine().Settle(intent, kLease, {})));
  EXPECT_TRUE(absl::IsAborted(mine().Withdraw(intent, {})));
  ExpectAllSame(before);
  Refused("a", "one", Outcome::kHeld);
  ASSERT_TRUE(others().Renew(taken, kLease, {}).ok());
  ASSERT_TRUE(others().Settle(taken, kLease, {}).ok());
  ExpectMoved(Row("a"), taken.spans[0]);
  ExpectMoved(Row("b"), taken.spans[1]);
  EXPECT_EQ(Row("a").owner, "") << "free for all";
  MustClaim(ledger(), Key("a"), "one");
}

TEST_P(IntentsContract, WhoMayTakeACommit) {
  Intent intent = MustAnnounce({"a"});
  EXPECT_TRUE(TakesNothing(Id(99), "two")) << "there is none";
  EXPECT_TRUE(TakesNothing(intent.id, "two")) << "its owner holds it";
  Advance(kLease - absl::Seconds(1));
  EXPECT_TRUE(TakesNothing(intent.id, "two"));
  EXPECT_EQ(Row("a").owner, "one");
  Intent again = MustTake(intent.id, "one");
  EXPECT_EQ(again.lease_until, Now() + kLease);
  EXPECT_TRUE(absl::IsAborted(mine().Renew(intent, kLease, {}))) << "of an earlier revision";
  Advance(kLease - absl::Seconds(1));
  EXPECT_TRUE(TakesNothing(intent.id, "two"));
  MustTake(intent.id, "two", /*owner_is_dead=*/true);
  EXPECT_TRUE(absl::IsAborted(mine().Settle(again, kLease, {})));
  Advance(kLease);
  Intent last = MustTake(intent.id, "three");
  ASSERT_TRUE(others().Withdraw(last, {}).ok());
  MustClaim(ledger(), Key("a"), "one");
}

// The rows of a commit that came to nothing were never sent.
TEST_P(IntentsContract, WhatWasWithdrawnAfterATakeoverMayBeSentUnderAnotherConfig) {
  const Intent intent = MustAnnounce({"a"});
  Advance(kLease);
  Intent taken = MustTake(intent.id, "two");
  ASSERT_TRUE(others().Withdraw(taken, {}).ok());
  EXPECT_FALSE(MayHaveSent(Row("a")));
  LedgerKey changed = Key("a");
  changed.config += "2";
  MustClaim(other(), changed, "two");
}

TEST_P(IntentsContract, OfManyTakersOneWins) {
  constexpr int kTakers = 6;
  const Intent intent = MustAnnounce({"a", "b"});
  Advance(kLease);
  std::atomic<int> wins{0}, settled{0};
  std::vector<std::thread> takers;
  for (int t = 0; t < kTakers; ++t) {
    takers.emplace_back([&, t] {
      Intents& intents = t % 2 == 0 ? mine() : others();
      absl::StatusOr<std::optional<Intent>> taken = absl::UnavailableError("");
      while (absl::IsUnavailable(taken.status())) {
        taken = intents.Take(intent.id, StrCat("taker ", t), false, kLease, {});
      }
      ASSERT_TRUE(taken.ok()) << taken.status();
      if (!taken->has_value()) return;
      ++wins;
      settled += intents.Settle(**taken, kLease, {}).ok();
    });
  }
  for (std::thread& taker : takers) taker.join();
  EXPECT_EQ(wins, 1);
  EXPECT_EQ(settled, 1);
  EXPECT_EQ(Row("b").position.row, 7u);
}

// A worker renews the lease of a row while another thread of it renews and settles the commit.
TEST_P(IntentsContract, RenewalsOfRowsDoNotDisturbTheCommit) {
  constexpr int kRenewals = 8;
  Intent intent = MustAnnounce({"a"});
  std::thread renewing([this, row = Row("a")]() mutable {
    for (int i = 0; i < kRenewals; ++i) {
      const absl::Status status = ledger().Store(row, kLease, {});
      if (absl::IsAborted(status)) return;  // it is settled
      ASSERT_TRUE(status.ok() || absl::IsUnavailable(status)) << status;
    }
  });
  const auto again = [](const auto& call) {
    absl::Status status = call();
    while (absl::IsUnavailable(status)) status = call();
    return status;
  };
  for (int i = 0; i < kRenewals / 2; ++i) {
    EXPECT_TRUE(again([&] { return mine().Renew(intent, kLease, {}); }).ok());
  }
  EXPECT_TRUE(again([&] { return mine().Settle(intent, kLease, {}); }).ok());
  renewing.join();
  ExpectMoved(Row("a"), intent.spans[0]);
}

// The rest.

TEST_P(IntentsContract, TheListIsOfOneDestinationInTheOrderOfIds) {
  for (const int id : {3, 1, 2}) MustAnnounce({StrCat("o", id)}, id);
  LedgerKey elsewhere = Key("o4");
  elsewhere.destination += "2";
  Intent another = IntentOf({MustClaim(ledger(), elsewhere)}, 4);
  ASSERT_TRUE(mine().Announce(another, kLease, {}).ok());
  std::vector<std::string> ids;
  for (const Intent& intent : Listed()) ids.push_back(intent.id);
  EXPECT_EQ(ids, (std::vector<std::string>{Id(1), Id(2), Id(3)}));
  const auto listed = mine().List(elsewhere.destination, {});
  ASSERT_TRUE(listed.ok()) << listed.status();
  ASSERT_EQ(listed->size(), 1u);
  ExpectSame(listed->front(), another);
  EXPECT_EQ(All(ledger()).size(), 4u) << "intents are not rows";
}

TEST_P(IntentsContract, AfterAStopNothingIsChanged) {
  Intent intent = MustAnnounce({"a"});
  Intent another = IntentOf({MustClaim(ledger(), Key("b"))}, 2);
  const std::vector<LedgerEntry> before = All(ledger());
  std::stop_source source;
  source.request_stop();
  const std::stop_token stop = source.get_token();
  EXPECT_TRUE(absl::IsCancelled(mine().Announce(another, kLease, stop)));
  EXPECT_TRUE(absl::IsCancelled(mine().Renew(intent, kLease, stop)));
  EXPECT_TRUE(absl::IsCancelled(mine().Settle(intent, kLease, stop)));
  EXPECT_TRUE(absl::IsCancelled(mine().Withdraw(intent, stop)));
  EXPECT_TRUE(absl::IsCancelled(mine().Take(intent.id, "one", false, kLease, stop).status()));
  EXPECT_TRUE(absl::IsCancelled(mine().List(intent.destination, stop).status()));
  ExpectAllSame(before);
  ASSERT_EQ(Listed().size(), 1u);
  ExpectSame(Listed()[0], intent);
}

TEST_P(IntentsContract, AStopEndsCallsThatAreHeldUp) {
  Intent settled = MustAnnounce({"a"}, 1), withdrawn = MustAnnounce({"b"}, 2);
  Intent announced = IntentOf({MustClaim(ledger(), Key("c"))}, 3);
  const Intent taken = MustAnnounce({"d"}, 4);
  ExpectStopEndsEach(
      {[&](std::stop_token stop) { return mine().Announce(announced, kLease, stop); },
       [&](std::stop_token stop) { return mine().Settle(settled, kLease, stop); },
       [&](std::stop_token stop) { return mine().Withdraw(withdrawn, stop); },
       [&](std::stop_token stop) {
         return mine().Take(taken.id, "one", false, kLease, stop).status();
       }});
  MustAnnounce({"e"}, 5);
}

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_TESTING_INTENTS_CONTRACT_H_
