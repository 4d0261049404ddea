// What the contract of announced commits is tested with (pipeline/testing/intents_contract.h).
#ifndef MILLRACE_PIPELINE_TESTING_INTENTS_FIXTURE_H_
#define MILLRACE_PIPELINE_TESTING_INTENTS_FIXTURE_H_

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "pipeline/intents.h"
#include "pipeline/testing/ledger_fixture.h"

namespace millrace {

class IntentsContract : public LedgerContract {
 protected:
  Intents& mine() { return ledger().intents(); }
  Intents& others() { return other().intents(); }

  static std::string Id(int n) { return absl::StrFormat("%032x", n); }

  // A commit that moves each of `rows` to row 7.
  static Intent IntentOf(const std::vector<LedgerEntry>& rows, int id = 1) {
    Intent intent{.id = Id(id), .parts = {"part-0", "p\xc3\xa4rt \"1\"\n"}};
    for (const LedgerEntry& row : rows) {
      intent.destination = row.key.destination;
      if (intent.owner.empty()) intent.owner = row.owner;
      intent.spans.push_back({.object = row.key,
                              .revision = row.revision,
                              .after = {.row = 7, .byte = 70},
                              .counts = {.read = 7, .accepted = 6, .rejected = 1, .events = 12}});
    }
    return intent;
  }

  // Claims `objects` and announces a commit for them.
  Intent MustAnnounce(const std::vector<std::string>& objects, int id = 1,
                      const std::string& owner = "one") {
    std::vector<LedgerEntry> rows;
    for (const std::string& object : objects)
      rows.push_back(MustClaim(ledger(), Key(object), owner));
    Intent intent = IntentOf(rows, id);
    const absl::Status status = mine().Announce(intent, kLease, {});
    EXPECT_TRUE(status.ok()) << status;
    return intent;
  }

  LedgerEntry Row(const LedgerKey& key) {
    for (const LedgerEntry& row : All(ledger())) {
      if (row.key == key) return row;
    }
    ADD_FAILURE() << "no row of " << key.object;
    return {};
  }
  LedgerEntry Row(const std::string& object) { return Row(Key(object)); }

  std::vector<Intent> Listed() {
    const absl::StatusOr<std::vector<Intent>> listed = others().List(Key().destination, {});
    EXPECT_TRUE(listed.ok()) << listed.status();
    return listed.ok() ? *listed : std::vector<Intent>();
  }

  Intent MustTake(const std::string& id, const std::string& owner, bool owner_is_dead = false) {
    absl::StatusOr<std::optional<Intent>> taken =
        others().Take(id, owner, owner_is_dead, kLease, {});
    EXPECT_TRUE(taken.ok()) << taken.status();
    EXPECT_TRUE(taken.ok() && taken->has_value()) << "it is not to be had";
    return taken.ok() && taken->has_value() ? **std::move(taken) : Intent();
  }
  bool TakesNothing(const std::string& id, const std::string& owner) {
    const absl::StatusOr<std::optional<Intent>> taken =
        others().Take(id, owner, /*owner_is_dead=*/false, kLease, {});
    EXPECT_TRUE(taken.ok()) << taken.status();
    return taken.ok() && !taken->has_value();
  }

  // The claim of `object`, which must not be granted.
  LedgerEntry Refused(const std::string& object, const std::string& owner, Outcome expected) {
    const absl::StatusOr<Ledger::Claim> claim =
        other().ClaimObject({Key(object), owner, 1000, kLease}, {});
    EXPECT_TRUE(claim.ok()) << claim.status();
    if (!claim.ok()) return {};
    EXPECT_EQ(claim->outcome, expected);
    return claim->entry;
  }

  static void ExpectSame(const Intent& a, const Intent& b) {
    EXPECT_EQ(a.id, b.id);
    EXPECT_EQ(a.destination, b.destination);
    EXPECT_EQ(a.parts, b.parts);
    EXPECT_EQ(a.owner, b.owner);
    EXPECT_EQ(a.lease_until, b.lease_until);
    EXPECT_EQ(a.revision, b.revision);
    ASSERT_EQ(a.spans.size(), b.spans.size());
    for (size_t i = 0; i < a.spans.size(); ++i) {
      IntentSpan same = b.spans[i];
      same.revision = a.spans[i].revision;
      EXPECT_EQ(a.spans[i], same) << i;
    }
  }
  using LedgerContract::ExpectSame;

  void ExpectAllSame(const std::vector<LedgerEntry>& before) {
    const std::vector<LedgerEntry> after = All(ledger());
    ASSERT_EQ(after.size(), before.size());
    for (size_t i = 0; i < before.size(); ++i) ExpectSame(after[i], before[i]);
  }

  static void ExpectMoved(const LedgerEntry& row, const IntentSpan& span) {
    EXPECT_EQ(row.position, span.after);
    EXPECT_EQ(row.counts, span.counts);
    EXPECT_EQ(row.state, span.state);
    EXPECT_EQ(row.last_error, span.last_error);
    EXPECT_EQ(row.intent, "");
    EXPECT_EQ(row.revision, span.revision);
  }
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_TESTING_INTENTS_FIXTURE_H_
