// The fakes keep the contracts that the real things are held to.
#include <memory>
#include <string>

#include "base/strings.h"
#include "pipeline/split_dead_letter_queue.h"
#include "pipeline/testing/cursor_contract.h"
#include "pipeline/testing/dead_letter_queue_contract.h"
#include "pipeline/testing/fake_sink.h"
#include "pipeline/testing/fake_source.h"
#include "pipeline/testing/ledger_contract.h"
#include "pipeline/testing/memory_dead_letter_queue.h"
#include "pipeline/testing/memory_ledger.h"
#include "pipeline/testing/sink_contract.h"
#include "pipeline/testing/source_contract.h"

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

INSTANTIATE_TEST_SUITE_P(Memory, LedgerContract,
                         testing::Values(&Make<MemoryLedgerFixture, LedgerFixture>));
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

}  // namespace
}  // namespace millrace
