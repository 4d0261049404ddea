#include "proxy/dead_letter_desk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/strings.h"
#include "connectors/dead_letter_files/disk_dead_letter_queue.h"
#include "pipeline/testing/fake_sink.h"
#include "pipeline/testing/fake_staging.h"
#include "pipeline/testing/plain_destination.h"
#include "proxy/dead_letter_writer.h"
#include "proxy/testing/fakes.h"

namespace millrace::proxy {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr absl::Time kNoon = absl::FromUnixSeconds(1'796'040'000);
constexpr char kGood[] = R"({"event":"a","properties":{"time":1796008365000,"$insert_id":"i"}})";

class DeadLetterDeskTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "desk_XXXXXX";
    ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
    auto queue = OpenDiskDeadLetterQueue(folder_, clock_);
    ASSERT_TRUE(queue.ok()) << queue.status();
    queue_ = *std::move(queue);
    Open(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void Open(const std::string& folder) {
    auto entries = MakeSpoolEntries();
    ASSERT_TRUE(entries.ok()) << entries.status();
    desk_ = std::make_unique<DeadLetterDesk>(
        DeadLetterDeskOptions{.folder = folder, .spool = "s", .max_shown = 3},
        std::vector<ReplayTarget>{{&destination_, *entries}}, log_, [this] { return tokens_; },
        clock_);
  }
  void Keep(const LedgerKey& object, uint64_t row, const std::string& code,
            const std::string& before, const std::string& after = "") {
    const Rejection one{.source_row = row,
                        .code = code,
                        .message = "why",
                        .payload_before = before,
                        .payload_after = after};
    ASSERT_TRUE(queue_->Add(object, {one}).ok());
    ASSERT_TRUE(queue_->Sync(object).ok());
    clock_.Advance(absl::Seconds(1));
  }
  // Refused when it arrived at noon.
  void KeepArrived(const std::string& code, const std::string& record,
                   RecordType type = RecordType::kEvent, const std::string& spool = "s") {
    Keep(DeadLetterWriter::ObjectOf(spool, type, kNoon), absl::ToUnixMicros(kNoon) + next_++, code,
         record);
  }
  // Refused by a destination.
  void KeepRefused(const std::string& record, const std::string& ledger_name = "there:events") {
    Keep({"spool:s/events/2026-11-30", "", "proxy_events", ledger_name}, next_++,
         "rejected_by_destination", "", record);
  }
  json List(const std::string& code = "") {
    const auto list = desk_->List(code);
    EXPECT_TRUE(list.ok()) << list.status();
    return json::parse(*list);
  }
  std::vector<std::string> Shown(const json& list) {
    std::vector<std::string> shown;
    for (const json& one : list["records"]) {
      shown.push_back(StrCat(one["code"].get<std::string>(), " ", one["payload"].get<std::string>(),
                             " ", one["refused_by"].get<std::string>()));
    }
    return shown;
  }

  FakeClock clock_{kNoon + absl::Hours(1)};
  std::string folder_;
  std::unique_ptr<DeadLetterQueue> queue_;
  FakeAppender log_;
  FakeDestination there_;
  PlainDestination destination_{[this] { return there_.NewSink(); }, "there"};
  TokenRules tokens_;
  uint64_t next_ = 0;
  std::unique_ptr<DeadLetterDesk> desk_;
};

TEST_F(DeadLetterDeskTest, ListsTheNewestByReason) {
  KeepArrived("a", "1");
  KeepArrived("b", "2");
  KeepArrived("b", "other", RecordType::kEvent, "another spool");
  KeepRefused("3");
  KeepRefused("4", "gone:events");
  json list = List();
  EXPECT_EQ(list["kept"], true);
  EXPECT_EQ(list["complete"], true);
  EXPECT_EQ(list["codes"], (json{{"a", 1}, {"b", 1}, {"rejected_by_destination", 2}}));
  EXPECT_THAT(Shown(list), ElementsAre("rejected_by_destination 4 a destination that is gone",
                                       "rejected_by_destination 3 there", "b 2 the proxy"));
  EXPECT_THAT(Shown(List("a")), ElementsAre("a 1 the proxy"));
  EXPECT_EQ(List("a")["codes"].size(), 3);
}

TEST_F(DeadLetterDeskTest, ATopicHasNothingToShow) {
  Open("");
  EXPECT_EQ(List()["kept"], false);
  EXPECT_THAT(List()["records"], IsEmpty());
}

TEST_F(DeadLetterDeskTest, WhatArrivedIsCheckedAgainAndGoesIntoTheLog) {
  tokens_.refused = {"T"};
  KeepArrived("token_refused", R"({"event":"a","properties":{"token":"T","x":1}})");
  KeepArrived("token_refused", R"({"$token":"T","$distinct_id":"u","$set":{"a":1}})",
              RecordType::kUser);
  KeepArrived("unreadable_row", "{not json");
  ReplayReport report = desk_->Replay({.code = "token_refused"}, {});
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.counts.rejected, 2);
  EXPECT_THAT(log_.frames, IsEmpty());

  tokens_ = {.replacement = "R"};
  report = desk_->Replay({.code = "token_refused"}, {});
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.counts.accepted, 2);
  ASSERT_THAT(log_.frames, SizeIs(2));
  // As of its arrival.
  EXPECT_THAT(log_.all(), HasSubstr("\"time\":1796040000000"));
  EXPECT_THAT(log_.all(), HasSubstr("\"token\":\"R\""));
  EXPECT_THAT(log_.all(), HasSubstr("\"$distinct_id\":\"u\""));
  EXPECT_EQ(log_.frames[0].type != log_.frames[1].type, true);
  EXPECT_EQ(List()["codes"], (json{{"unreadable_row", 1}}));

  // What was replayed is not replayed again, and what cannot be read stays.
  report = desk_->Replay({}, {});
  EXPECT_EQ(report.counts.accepted, 0);
  EXPECT_EQ(report.counts.rejected, 1);
  EXPECT_THAT(log_.frames, SizeIs(2));
  EXPECT_EQ(List()["codes"], (json{{"unreadable_row", 1}}));
}

TEST_F(DeadLetterDeskTest, WhatADestinationRefusedGoesToItAlone) {
  KeepRefused(kGood);
  KeepRefused(kGood, "gone:events");
  const std::string id = List()["records"][1]["id"];
  const ReplayReport report = desk_->Replay({.id = id}, {});
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.counts.accepted, 1);
  EXPECT_EQ(report.counts.read, 1);
  EXPECT_THAT(log_.frames, IsEmpty());
  EXPECT_EQ(desk_->Replay({}, {}).not_ours, 1);
}

TEST_F(DeadLetterDeskTest, ALogThatIsFullKeepsTheRecordRejected) {
  KeepArrived("token_refused", kGood);
  log_.status = absl::ResourceExhaustedError("full");
  const ReplayReport report = desk_->Replay({}, {});
  EXPECT_FALSE(report.status.ok());
  EXPECT_THAT(std::string(ToStd(report.status.message())), HasSubstr("the proxy"));
  EXPECT_EQ(List()["codes"], (json{{"token_refused", 1}}));
}

// Acknowledges nothing, and lets the replay be stopped meanwhile.
class SilentAppender final : public RecordAppender {
 public:
  explicit SilentAppender(std::stop_source& stop) : stop_(stop) {}
  void Append(absl::Span<const Frame>, RecordLog::Done done) override {
    done_ = std::move(done);
    stop_.request_stop();
  }
  void Acknowledge() { done_(absl::OkStatus()); }

 private:
  std::stop_source& stop_;
  RecordLog::Done done_;
};

TEST_F(DeadLetterDeskTest, AStopEndsTheWaitForTheLog) {
  KeepArrived("token_refused", kGood);
  std::stop_source stop;
  SilentAppender silent(stop);
  DeadLetterDesk desk(
      {.folder = folder_, .spool = "s"}, {}, silent, [] { return TokenRules(); }, clock_);
  const ReplayReport report = desk.Replay({}, stop.get_token());
  EXPECT_TRUE(absl::IsCancelled(report.status)) << report.status;
  EXPECT_EQ(report.counts.pending(), 1);
  silent.Acknowledge();  // late
  EXPECT_EQ(List()["codes"], (json{{"token_refused", 1}}));
}

TEST_F(DeadLetterDeskTest, AnEmptyIdOfTheSpoolIsThatOfEverySpool) {
  KeepArrived("a", kGood, RecordType::kEvent, "one");
  KeepArrived("a", kGood, RecordType::kEvent, "other");
  Keep({"/data/a.csv", "", "c", "there:events"}, 1, "a", "1");  // of an import
  DeadLetterDesk desk(
      {.folder = folder_}, {}, log_, [] { return TokenRules(); }, clock_);
  const auto list = desk.List("");
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_EQ(json::parse(*list)["codes"], (json{{"a", 2}}));
  EXPECT_EQ(desk.Replay({}, {}).counts.accepted, 2);
}

}  // namespace
}  // namespace millrace::proxy
