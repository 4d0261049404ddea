// What the contract of every Ledger is tested with: two openings of one ledger, and its clock.
#ifndef MILLRACE_PIPELINE_TESTING_LEDGER_FIXTURE_H_
#define MILLRACE_PIPELINE_TESTING_LEDGER_FIXTURE_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/strings.h"
#include "pipeline/ledger.h"

namespace millrace {

// While it lives, changes of the ledger do not complete: a server does not respond, or another
// process has locked the ledger.
class HeldUp {
 public:
  virtual ~HeldUp() = default;
  // Returns once a claim, store or release has begun and waits.
  virtual void AwaitCall() = 0;
};

// One empty ledger, opened twice, as by two processes.
class LedgerFixture {
 public:
  virtual ~LedgerFixture() = default;
  virtual Ledger& ledger() = 0;
  virtual Ledger& other() = 0;
  // The clock that decides about leases, to the microsecond.
  virtual absl::Time Now() = 0;
  virtual void Advance(absl::Duration duration) = 0;
  // Both processes end and start again.
  virtual void Reopen() = 0;
  // The same ledger, by one more process; null if there is no such thing. Thread-safe.
  virtual std::unique_ptr<Ledger> OpenAnother() { return nullptr; }
  // Null if nothing can block the ledger.
  virtual std::unique_ptr<HeldUp> HoldUp() { return nullptr; }
};

using LedgerMaker = std::unique_ptr<LedgerFixture> (*)();

class LedgerContract : public testing::TestWithParam<LedgerMaker> {
 protected:
  using Outcome = Ledger::Claim::Outcome;
  static constexpr absl::Duration kLease = absl::Minutes(5);

  Ledger& ledger() { return fixture_->ledger(); }
  Ledger& other() { return fixture_->other(); }
  absl::Time Now() { return fixture_->Now(); }
  void Advance(absl::Duration duration) { fixture_->Advance(duration); }
  void Reopen() { fixture_->Reopen(); }
  std::unique_ptr<Ledger> OpenAnother() { return fixture_->OpenAnother(); }
  std::unique_ptr<HeldUp> HoldUp() { return fixture_->HoldUp(); }

  static LedgerKey Key(const std::string& object = "gs://bucket/a b/ü?.json") {
    return {.object = object,
            .version = "1700000000000001",
            .config = "orders-0123",
            .destination = "mixpanel:api.mixpanel.com:42:events"};
  }

  LedgerEntry MustClaim(Ledger& ledger, const LedgerKey& key, const std::string& owner = "one") {
    absl::StatusOr<Ledger::Claim> claim = ledger.ClaimObject({key, owner, 1000, kLease}, {});
    EXPECT_TRUE(claim.ok()) << claim.status();
    if (!claim.ok()) return {};
    EXPECT_EQ(claim->outcome, Outcome::kClaimed);
    return claim->entry;
  }

  Outcome TryClaim(Ledger& ledger, const LedgerKey& key, const std::string& owner) {
    absl::StatusOr<Ledger::Claim> claim = ledger.ClaimObject({key, owner, 1000, kLease}, {});
    EXPECT_TRUE(claim.ok()) << claim.status();
    return claim.ok() ? claim->outcome : Outcome::kHeld;
  }

  static std::vector<LedgerEntry> All(Ledger& ledger) {
    std::vector<LedgerEntry> entries;
    const absl::Status status = ledger.ForEach(
        [&](const LedgerEntry& entry) {
          entries.push_back(entry);
          return absl::OkStatus();
        },
        {});
    EXPECT_TRUE(status.ok()) << status;
    return entries;
  }

  static void ExpectSame(const LedgerEntry& a, const LedgerEntry& b) {
    EXPECT_EQ(a.key, b.key);
    EXPECT_EQ(a.state, b.state);
    EXPECT_EQ(a.position, b.position);
    EXPECT_EQ(a.counts, b.counts);
    EXPECT_EQ(a.owner, b.owner);
    EXPECT_EQ(a.lease_until, b.lease_until);
    EXPECT_EQ(a.started, b.started);
    EXPECT_EQ(a.updated, b.updated);
    EXPECT_EQ(a.last_error, b.last_error);
    EXPECT_EQ(a.object_bytes, b.object_bytes);
    EXPECT_EQ(a.revision, b.revision);
    EXPECT_EQ(a.mapping_version, b.mapping_version);
    EXPECT_EQ(a.config_parts, b.config_parts);
    EXPECT_EQ(a.maybe_sent, b.maybe_sent);
    EXPECT_EQ(a.intent, b.intent);
  }

  // Blocks the ledger before each of `calls`, and asks it to stop while it waits. Nothing is
  // checked if the ledger cannot be blocked.
  void ExpectStopEndsEach(const std::vector<std::function<absl::Status(std::stop_token)>>& calls) {
    constexpr absl::Duration kSoon = absl::Seconds(5);  // shorter than any time limit
    for (size_t i = 0; i < calls.size(); ++i) {
      SCOPED_TRACE(i);
      const std::unique_ptr<HeldUp> held_up = HoldUp();
      if (held_up == nullptr) return;
      std::stop_source stop;
      absl::Status status;
      std::thread caller([&] { status = calls[i](stop.get_token()); });
      held_up->AwaitCall();
      const absl::Duration begin = Clock::Real().Elapsed();
      stop.request_stop();
      caller.join();
      EXPECT_TRUE(absl::IsCancelled(status)) << status;
      EXPECT_LT(Clock::Real().Elapsed() - begin, kSoon);
    }
  }

  // The same object under another config.
  static LedgerKey Changed() {
    LedgerKey key = Key();
    key.config = "orders-4567";
    return key;
  }

  absl::StatusOr<Ledger::Claim> ClaimAs(Ledger& ledger, const LedgerKey& key,
                                        const std::string& owner, uint64_t mapping_version) {
    return ledger.ClaimObject({.key = key,
                               .owner = owner,
                               .object_bytes = 1,
                               .lease = kLease,
                               .mapping_version = mapping_version,
                               .config_parts = StrCat("mappings:", mapping_version)},
                              {});
  }

 private:
  const std::unique_ptr<LedgerFixture> fixture_ = GetParam()();
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_TESTING_LEDGER_FIXTURE_H_
