// The fakes keep the contracts that the real things are held to.
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/strings.h"
#include "pipeline/split_dead_letter_queue.h"
#include "pipeline/testing/crash.h"
#include "pipeline/testing/cursor_contract.h"
#include "pipeline/testing/dead_letter_queue_contract.h"
#include "pipeline/testing/fake_replacement.h"
#include "pipeline/testing/fake_sink.h"
#include "pipeline/testing/fake_source.h"
#include "pipeline/testing/fake_staging.h"
#include "pipeline/testing/ledger_contract.h"
#include "pipeline/testing/memory_dead_letter_queue.h"
#include "pipeline/testing/memory_ledger.h"
#include "pipeline/testing/replacement_contract.h"
#include "pipeline/testing/sink_contract.h"
#include "pipeline/testing/source_contract.h"
#include "pipeline/testing/staging_contract.h"

namespace millrace {
namespace {

class MemoryLedgerFixture : public LedgerFixture {
 public:
  Ledger& ledger() override { return ledger_; }
  Ledger& other() override { return ledger_; }
  absl::Time Now() override { return clock_.Now(); }
  void Advance(absl::Duration duration) override { clock_.Advance(duration); }
  void Reopen() override {}

 private:
  FakeClock clock_;
  MemoryLedger ledger_{clock_};
};

// As a process that never dies sees it.
class MortalLedgerFixture : public MemoryLedgerFixture {
 public:
  Ledger& ledger() override { return *mortal_; }
  Ledger& other() override { return *mortal_; }

 private:
  CrashPoint never_{std::numeric_limits<uint64_t>::max()};
  const std::unique_ptr<Ledger> mortal_ = NewMortalLedger(MemoryLedgerFixture::ledger(), never_);
};

class MemoryDeadLetterFixture : public DeadLetterFixture {
 public:
  DeadLetterQueue& dead_letter() override { return dead_letter_; }
  void Crash() override { dead_letter_.Crash(); }
  std::vector<Rejection> Kept(const LedgerKey& object) override {
    return dead_letter_.Durable(object);
  }

 private:
  MemoryDeadLetterQueue dead_letter_;
};

// Both kinds in one, as the contract sees it.
class SplitDeadLetterFixture : public DeadLetterFixture {
 public:
  DeadLetterQueue& dead_letter() override { return split_; }
  void Crash() override {
    unmapped_.Crash();
    refused_.Crash();
  }
  std::vector<Rejection> Kept(const LedgerKey& object) override {
    std::vector<Rejection> kept = unmapped_.Durable(object);
    for (const Rejection& rejection : refused_.Durable(object)) kept.push_back(rejection);
    return kept;
  }

 private:
  MemoryDeadLetterQueue unmapped_;
  MemoryDeadLetterQueue refused_;
  SplitDeadLetterQueue split_{unmapped_, refused_};
};

class FakeSinkFixture : public SinkFixture {
 public:
  std::unique_ptr<Sink> NewSink() override { return destination_.NewSink(); }
  std::string GoodRow(int n) override { return StrCat("{\"n\":", n, "}"); }
  std::string BadRow(int n) override { return StrCat("{\"n\":", n, ",\"is\":\"x\"}"); }
  int Arrived(int n) override {
    const std::map<std::string, int> arrived = destination_.Arrived();
    const auto found = arrived.find(GoodRow(n));
    return found == arrived.end() ? 0 : found->second;
  }
  bool FailNextWrite(bool with_effect) override {
    const uint64_t next = destination_.BatchSizes().size();
    destination_.set_script([=](uint64_t n) {
      if (n != next) return FakeWrite::kDurable;
      return with_effect ? FakeWrite::kResponseLost : FakeWrite::kRetry;
    });
    return true;
  }
  void RefuseAll(const std::string& reason) override {
    destination_.set_script([refuse = !reason.empty()](uint64_t) {
      return refuse ? FakeWrite::kRefusedWhole : FakeWrite::kDurable;
    });
  }

 protected:
  FakeDestination destination_;
};

class FakeCursorFixture : public FakeSinkFixture {
 public:
  FakeCursorFixture() { destination_.KeepCursor(); }
  DeliveryCursor* cursor() override { return destination_.cursor(); }
};

class FakeSourceFixture : public SourceFixture {
 public:
  MemoryLedger& ledger() override { return ledger_; }
  FakeClock& clock() override { return clock_; }
  std::unique_ptr<Source> Open(const std::string& owner) override {
    return std::make_unique<FakeSource>(objects_, ledger_, owner, /*chunk_rows=*/4);
  }
  void set_on_outside_call(std::function<void()> hook) override {
    ledger_.set_on_call(std::move(hook));
  }
  std::map<std::string, uint64_t> Rows() override {
    std::map<std::string, uint64_t> rows;
    for (const FakeObject& object : objects_) rows[object.key.object] = object.rows.size();
    return rows;
  }

 private:
  const std::vector<FakeObject> objects_ = {
      {.key = {.object = "small"}, .rows = {"a"}},
      {.key = {.object = "empty"}, .rows = {}},
      {.key = {.object = "large"}, .rows = std::vector<std::string>(11, "a")},
      {.key = {.object = "even"}, .rows = std::vector<std::string>(8, "a")}};
  FakeClock clock_;
  MemoryLedger ledger_{clock_};
};

template <typename Fixture, typename Base>
std::unique_ptr<Base> Make() {
  return std::make_unique<Fixture>();
}

// Before the first step nothing happens; before the second it happens, and nobody hears of it.
TEST(MortalLedger, CommitsAreAnnouncedByTheLivingOnly) {
  for (const uint64_t steps : {0, 1, 2}) {
    SCOPED_TRACE(steps);
    FakeClock clock;
    MemoryLedger ledger(clock);
    const LedgerKey key{"o", "1", "c", "d"};
    const auto claim = ledger.ClaimObject({key, "me", 1, absl::Minutes(5)}, {});
    ASSERT_TRUE(claim.ok()) << claim.status();
    CrashPoint crash(steps);
    const std::unique_ptr<Ledger> mortal = NewMortalLedger(ledger, crash);
    Intent intent{.id = std::string(32, '1'), .destination = "d", .owner = "me"};
    intent.spans.push_back({.object = key, .revision = claim->entry.revision});
    EXPECT_EQ(mortal->intents().Announce(intent, absl::Minutes(5), {}).ok(), steps == 2);
    EXPECT_EQ(ledger.intents().List("d", {})->size(), steps > 0 ? 1u : 0u);
    EXPECT_FALSE(mortal->intents().Settle(intent, absl::Minutes(5), {}).ok());
    EXPECT_EQ(ledger.Find(key)->position, Position{});
  }
}

INSTANTIATE_TEST_SUITE_P(Memory, LedgerContract,
                         testing::Values(&Make<MemoryLedgerFixture, LedgerFixture>));
INSTANTIATE_TEST_SUITE_P(Mortal, LedgerContract,
                         testing::Values(&Make<MortalLedgerFixture, LedgerFixture>));
INSTANTIATE_TEST_SUITE_P(Mortal, IntentsContract,
                         testing::Values(&Make<MortalLedgerFixture, LedgerFixture>));
INSTANTIATE_TEST_SUITE_P(Memory, IntentsContract,
                         testing::Values(&Make<MemoryLedgerFixture, LedgerFixture>));
INSTANTIATE_TEST_SUITE_P(Memory, DeadLetterContract,
                         testing::Values(&Make<MemoryDeadLetterFixture, DeadLetterFixture>));
INSTANTIATE_TEST_SUITE_P(Split, DeadLetterContract,
                         testing::Values(&Make<SplitDeadLetterFixture, DeadLetterFixture>));
INSTANTIATE_TEST_SUITE_P(Fake, SinkContract,
                         testing::Values(&Make<FakeSinkFixture, SinkFixture>,
                                         &Make<FakeCursorFixture, SinkFixture>));
INSTANTIATE_TEST_SUITE_P(Fake, CursorContract,
                         testing::Values(&Make<FakeCursorFixture, SinkFixture>));
INSTANTIATE_TEST_SUITE_P(Fake, SourceContract,
                         testing::Values(&Make<FakeSourceFixture, SourceFixture>));

// Tears its commits.
class FakeStagingFixture : public StagingFixture {
 public:
  FakeStagingFixture() {
    destination_.set_commit_script([this](uint64_t) { return std::exchange(next_, kDone); });
  }
  std::unique_ptr<Staging> NewStaging() override { return destination_.NewStaging(); }
  std::string GoodRow(int n) override { return Row(n, 'a'); }
  std::string BadRow(int n) override { return Row(n, 'x'); }
  std::string RowRefusedByCommit(int n) override { return Row(n, 'y'); }
  int Visible(int n) override {
    const std::map<std::string, int> visible = destination_.Visible();
    const auto found = visible.find(GoodRow(n));
    return found == visible.end() ? 0 : found->second;
  }
  bool FailNextCommit(Failure how) override {
    switch (how) {
      case Failure::kNothingDone:
        next_ = FakeCommit::kNoAnswer;
        break;
      case Failure::kAllDone:
        next_ = FakeCommit::kResponseLost;
        break;
      case Failure::kHalfDone:
        next_ = FakeCommit::kPartly;
        break;
      case Failure::kArrivesLate:
        next_ = FakeCommit::kLate;
        break;
    }
    return true;
  }
  void DeliverLate() override { destination_.DeliverLate(); }
  bool LosePart(const std::string& part) override {
    destination_.LoseParts({part});
    return true;
  }

 private:
  static constexpr FakeCommit kDone = FakeCommit::kDone;
  static std::string Row(int n, char letter) {
    return StrCat("{\"n\":", n, ",\"is\":\"", std::string_view(&letter, 1), "\"}");
  }

  FakeCommit next_ = kDone;
  FakeStagedDestination destination_;
};

INSTANTIATE_TEST_SUITE_P(Fake, StagingContract,
                         testing::Values(+[]() -> std::unique_ptr<StagingFixture> {
                           return std::make_unique<FakeStagingFixture>();
                         }));

class FakeReplacementFixture : public ReplacementFixture {
 public:
  std::unique_ptr<Replacement> NewReplacement() override { return destination_.NewReplacement(); }
  std::string GoodRow(int n) override { return StrCat("good ", n); }
  std::string BadRow(int n) override { return StrCat("bad ", n, "\"is\":\"x\"}"); }
  std::string RowOutside(int) override { return ""; }
  int Visible(int n) override { return Count(GoodRow(n)); }
  int VisibleOld() override { return Count(FakeReplacedDestination::kOldRecord); }
  bool IsRestUnchanged() override { return true; }
  bool HasLeftovers() override { return !destination_.Collected().empty(); }
  bool FailNextWrite(bool with_effect) override {
    destination_.set_write_script(
        [how = with_effect ? FakeWrite::kResponseLost : FakeWrite::kRetry](uint64_t) mutable {
          return std::exchange(how, FakeWrite::kDurable);
        });
    return true;
  }
  bool FailNextPublish(bool with_effect) override {
    destination_.set_publish_script([how = with_effect ? FakePublish::kResponseLost
                                                       : FakePublish::kNoAnswer](uint64_t) mutable {
      return std::exchange(how, FakePublish::kDone);
    });
    return true;
  }

 private:
  int Count(const std::string& line) const {
    const std::map<std::string, int> visible = destination_.Visible();
    const auto found = visible.find(line);
    return found == visible.end() ? 0 : found->second;
  }
  FakeReplacedDestination destination_;
};
INSTANTIATE_TEST_SUITE_P(Fake, ReplacementContract,
                         testing::Values([]() -> std::unique_ptr<ReplacementFixture> {
                           return std::make_unique<FakeReplacementFixture>();
                         }));

}  // namespace
}  // namespace millrace
