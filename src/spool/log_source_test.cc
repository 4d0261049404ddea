#include "spool/log_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "base/strings.h"
#include "pipeline/testing/memory_ledger.h"
#include "pipeline/testing/source_contract.h"
#include "record_log/testing/fake_disk.h"
#include "spool/log_transform.h"

namespace millrace {
namespace {

constexpr RecordLogOptions kLogOptions = {
    .segment_bytes = 256 << 10, .segment_age = absl::InfiniteDuration(), .max_bytes = 64 << 20};

// A ledger that says when it is called.
class WatchedLedger : public MemoryLedger {
 public:
  explicit WatchedLedger(Clock& clock) : MemoryLedger(clock) {}
  std::function<void()> on_call = [] {};
  absl::StatusOr<Claim> ClaimObject(const ClaimRequest& request, std::stop_token stop) override {
    on_call();
    return MemoryLedger::ClaimObject(request, std::move(stop));
  }
};

class TestLog {
 public:
  TestLog() : log_(*RecordLog::Open(disk_, kLogOptions, Clock::Real())) {}

  void Append(RecordType type, int records, bool are_mapped = false) {
    std::string lines;
    for (int n = 0; n < records; ++n) {
      StrAppend(&lines, R"({"event":"e","properties":{"time":1796008365,"n":)", n, "}}\n");
    }
    absl::BlockingCounter done(1);
    log_->Append({.type = type,
                  .count = static_cast<uint32_t>(records),
                  .records = lines,
                  .is_mapped = are_mapped},
                 [&](const absl::Status& status) {
                   EXPECT_TRUE(status.ok()) << status;
                   done.DecrementCount();
                 });
    done.Wait();
  }
  void Restart() {
    log_ = nullptr;
    log_ = *RecordLog::Open(disk_, kLogOptions, Clock::Real());
  }
  LogSourceOptions Options(std::string owner, RecordType type = RecordType::kEvent) const {
    return {.type = type,
            .destination = "d",
            .owner = std::move(owner),
            .config = SourcesConfig::MixpanelFormat().entries()[0]};
  }
  RecordLog& log() { return *log_; }

 private:
  FakeDisk disk_;
  std::unique_ptr<RecordLog> log_;
};

// Three segments with events, one of them with more than a chunk, beside other records.
class LogFixture : public SourceFixture {
 public:
  LogFixture() {
    for (const int rows : {3, 5000, 7}) {
      log_.Append(RecordType::kUser, 4);
      for (int left = rows; left > 0; left -= 1500) {
        log_.Append(RecordType::kEvent, std::min(left, 1500));
      }
      const uint64_t sequence = log_.log().segments().front().sequence;
      (void)sequence;
      log_.Restart();
    }
    log_.Append(RecordType::kUser, 2);
    log_.Restart();
  }
  MemoryLedger& ledger() override { return ledger_; }
  FakeClock& clock() override { return clock_; }
  std::unique_ptr<Source> Open(const std::string& owner) override {
    LogSourceOptions options = log_.Options(owner);
    options.last_sequence = log_.log().last_sequence() - 1;
    return std::make_unique<LogSource>(options, log_.log(), ledger_);
  }
  void set_on_outside_call(std::function<void()> hook) override {
    ledger_.on_call = std::move(hook);
  }
  std::map<std::string, uint64_t> Rows() override {
    std::map<std::string, uint64_t> rows;
    for (const SegmentState& segment : log_.log().segments()) {
      const uint64_t events = segment.counts[0];
      if (events == 0) continue;
      rows[SegmentObject(log_.log().id(), segment.sequence, RecordType::kEvent)] = events;
    }
    return rows;
  }

 private:
  FakeClock clock_;
  WatchedLedger ledger_{clock_};
  TestLog log_;
};

std::unique_ptr<SourceFixture> Make() { return std::make_unique<LogFixture>(); }
INSTANTIATE_TEST_SUITE_P(Log, SourceContract, testing::Values(Make));

TEST(LogSource, NamesAreReadBack) {
  const std::string name = SegmentObject("ab", 0x1f, RecordType::kGroup);
  EXPECT_EQ(name, "spool:ab/000000000000001f/groups");
  EXPECT_EQ(SequenceOfObject("ab", name), 0x1fu);
  EXPECT_EQ(SequenceOfObject("ac", name), std::nullopt);
  EXPECT_EQ(SequenceOfObject("ab", "spool:ab/x/events"), std::nullopt);
}

TEST(LogSource, FollowsASegmentThatIsWritten) {
  TestLog log;
  MemoryLedger ledger(Clock::Real());
  LogSource source(log.Options("one"), log.log(), ledger);
  EXPECT_FALSE(source.Ready());
  log.Append(RecordType::kUser, 2);
  EXPECT_FALSE(source.Ready());
  std::jthread writer([&] {
    for (int n = 0; n < 20; ++n) log.Append(RecordType::kEvent, 3);
  });
  uint64_t rows = 0;
  while (rows < 60) {
    const auto chunk = source.Next({});
    ASSERT_TRUE(chunk.ok()) << chunk.status();
    EXPECT_FALSE((*chunk)->last);
    EXPECT_EQ((*chunk)->first_row, rows);
    rows += (*chunk)->rows;
  }
  EXPECT_FALSE(source.Ready());
  // A stop ends a wait for more.
  std::stop_source stop;
  std::jthread other([&] { stop.request_stop(); });
  EXPECT_TRUE(absl::IsCancelled(source.Next(stop.get_token()).status()));
}

// The rows of the next chunk, and whether all of them are mapped.
std::pair<uint64_t, bool> NextRows(LogSource& source) {
  const auto chunk = source.Next({});
  EXPECT_TRUE(chunk.ok()) << chunk.status();
  if (!chunk.ok()) return {};
  const auto& payload = static_cast<const LogPayload&>(*(*chunk)->payload);
  if (payload.mapped != nullptr) {
    EXPECT_EQ(payload.mapped->rows.size(), (*chunk)->rows);
  }
  return {(*chunk)->rows, payload.mapped != nullptr};
}

TEST(LogSource, MappedRecordsAreApartFromOthers) {
  TestLog log;
  for (const bool are_mapped : {true, false, true}) {
    for (int n = 0; n < 2; ++n) log.Append(RecordType::kEvent, 100, are_mapped);
  }
  MemoryLedger ledger(Clock::Real());
  LogSource source(log.Options("one"), log.log(), ledger);
  for (const bool are_mapped : {true, false, true}) {
    EXPECT_TRUE(source.Ready());
    EXPECT_EQ(NextRows(source), std::pair(uint64_t{200}, are_mapped));
  }
}

TEST(LogSource, MappedRecordsMakeNoSmallChunks) {
  TestLog log;
  for (int n = 0; n < 20; ++n) log.Append(RecordType::kEvent, 15, /*are_mapped=*/n % 2 == 0);
  MemoryLedger ledger(Clock::Real());
  LogSource source(log.Options("one"), log.log(), ledger);
  EXPECT_EQ(NextRows(source), std::pair(uint64_t{120}, false));
  EXPECT_EQ(NextRows(source), std::pair(uint64_t{120}, false));
  EXPECT_EQ(NextRows(source), std::pair(uint64_t{60}, false));
}

TEST(LogSource, SegmentsWithoutItsRecordsAreDone) {
  TestLog log;
  MemoryLedger ledger(Clock::Real());
  for (int n = 0; n < 3; ++n) {
    log.Append(RecordType::kUser, 1);
    log.Restart();
  }
  LogSourceOptions options = log.Options("one");
  options.last_sequence = 3;
  std::vector<uint64_t> done;
  options.on_done = [&](uint64_t sequence) { done.push_back(sequence); };
  LogSource source(options, log.log(), ledger);
  const auto chunk = source.Next({});
  ASSERT_TRUE(chunk.ok()) << chunk.status();
  EXPECT_EQ(*chunk, nullptr);
  EXPECT_THAT(done, testing::ElementsAre(1, 2, 3));
}

// A direct run, which makes no commits.
TEST(LogSource, StopsAtACommitThatItCannotFinish) {
  TestLog log;
  MemoryLedger ledger(Clock::Real());
  log.Append(RecordType::kEvent, 3);
  LogSourceOptions options = log.Options("one");
  const std::string object = SegmentObject(log.log().id(), 1, RecordType::kEvent);
  const auto claim = ledger.ClaimObject(
      {{object, "1", options.config->config_id, "d"}, "dead", 1, absl::Minutes(5)}, {});
  ASSERT_TRUE(claim.ok()) << claim.status();
  Intent intent{.id = std::string(32, 'a'), .destination = "d", .parts = {"part"}};
  intent.spans = {
      {.object = claim->entry.key, .revision = claim->entry.revision, .after = {.row = 3}}};
  intent.owner = "dead";
  ASSERT_TRUE(ledger.intents().Announce(intent, absl::Minutes(5), {}).ok());
  const auto stopped = LogSource(options, log.log(), ledger).Next({});
  EXPECT_TRUE(absl::IsFailedPrecondition(stopped.status())) << stopped.status();
  EXPECT_THAT(std::string(stopped.status().message()),
              testing::AllOf(testing::HasSubstr(object), testing::HasSubstr(intent.id)));
  // The run whose commit it is finishes it.
  int resolved = 0;
  options.resolve_intent = [&](const std::string& id, bool owner_is_dead, std::stop_token stop) {
    ++resolved;
    EXPECT_TRUE(owner_is_dead);
    auto taken = ledger.intents().Take(id, "one", owner_is_dead, absl::Minutes(5), stop);
    return ledger.intents().Withdraw(**taken, stop);
  };
  LogSource finishing(options, log.log(), ledger);
  const auto chunk = finishing.Next({});
  ASSERT_TRUE(chunk.ok()) << chunk.status();
  EXPECT_EQ((*chunk)->rows, 3u);
  EXPECT_EQ(resolved, 1);
}

TEST(LogSource, AnObjectThatWasGivenUpIsReadAgain) {
  TestLog log;
  MemoryLedger ledger(Clock::Real());
  log.Append(RecordType::kEvent, 3);
  LogSource source(log.Options("one"), log.log(), ledger);
  const auto chunk = source.Next({});
  ASSERT_TRUE(chunk.ok());
  source.Release(*(*chunk)->object, Source::Unfinished::kTakenOver);
  EXPECT_TRUE(source.Ready());
  const auto last = source.Next({});
  ASSERT_TRUE(last.ok());
  EXPECT_TRUE((*last)->last);
  EXPECT_FALSE((*last)->error.ok());
  const auto again = source.Next({});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ((*again)->first_row, 0u);
  EXPECT_EQ((*again)->rows, 3u);
}

}  // namespace
}  // namespace millrace
