#include "proxy/live_records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "base/strings.h"

namespace millrace::proxy {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::IsEmpty;

class LiveRecordsTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "live_XXXXXX";
    ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
    auto files = OpenLogFiles(folder_);
    ASSERT_TRUE(files.ok()) << files.status();
    files_ = *std::move(files);
    auto log = RecordLog::Open(
        *files_, {.segment_bytes = 4096, .segment_age = absl::InfiniteDuration()}, Clock::Real());
    ASSERT_TRUE(log.ok()) << log.status();
    log_ = *std::move(log);
  }
  void TearDown() override {
    log_ = nullptr;
    std::filesystem::remove_all(folder_);
  }

  void Append(const std::string& lines, RecordType type = RecordType::kEvent) {
    absl::Notification done;
    const auto count = static_cast<uint32_t>(std::count(lines.begin(), lines.end(), '\n'));
    log_->Append(
        {.type = type, .count = count, .unix_micros = 1'796'008'365'123'456, .records = lines},
        [&](const absl::Status& status) {
          EXPECT_TRUE(status.ok()) << status;
          done.Notify();
        });
    done.WaitForNotification();
  }
  // The texts of the records after the last answer.
  std::vector<std::string> Next(const LiveRecordsLimits& limits = {}) {
    return Read(limits, cursor_);
  }
  std::vector<std::string> Read(const LiveRecordsLimits& limits, const std::string& cursor) {
    answer_ = json::parse(LiveRecords(*log_, cursor, limits));
    cursor_ = answer_["cursor"];
    std::vector<std::string> texts;
    for (const json& one : answer_["records"]) texts.push_back(one["json"]);
    return texts;
  }

  std::string folder_;
  std::unique_ptr<LogFiles> files_;
  std::unique_ptr<RecordLog> log_;
  std::string cursor_;
  json answer_;
};

TEST_F(LiveRecordsTest, FollowsTheLogAcrossSegmentsAndTypes) {
  Append("{\"n\":1}\n{\"n\":2}\n");
  Append("{\"n\":3}\n", RecordType::kUser);
  EXPECT_THAT(Next(), ElementsAre("{\"n\":1}", "{\"n\":2}", "{\"n\":3}"));
  EXPECT_EQ(answer_["records"][2]["type"], "user");
  EXPECT_EQ(answer_["records"][0]["received_ms"], 1'796'008'365'123);
  EXPECT_EQ(answer_["skipped"], false);
  EXPECT_THAT(Next(), IsEmpty());
  const std::string large = StrCat("{\"n\":\"", std::string(3000, 'x'), "\"}");
  const uint64_t before = log_->last_sequence();
  for (int i = 0; i < 3; ++i) Append(large + "\n");
  ASSERT_GT(log_->last_sequence(), before);
  EXPECT_THAT(Next(), ElementsAre(large, large, large));
  EXPECT_EQ(answer_["skipped"], false);
}

TEST_F(LiveRecordsTest, IsBounded) {
  Next();
  std::string lines;
  for (int i = 0; i < 50; ++i) lines += StrCat("{\"n\":", i, "}\n");
  Append(lines);
  EXPECT_THAT(Next({.max_records = 2}), ElementsAre("{\"n\":0}", "{\"n\":1}"));
  EXPECT_EQ(answer_["skipped"], true);
  EXPECT_THAT(Next(), IsEmpty());  // what was skipped stays skipped
  Append("{\"n\":\"" + std::string(100, 'x') + "\"}\n{}\n");
  EXPECT_THAT(Next({.max_bytes = 50, .max_record_bytes = 9}), ElementsAre("{\"n\":\"xxx"));
  EXPECT_EQ(answer_["skipped"], true);
  // A page that is opened does not read a long segment from its begin.
  EXPECT_THAT(Read({.max_first_bytes = 100}, ""), IsEmpty());
}

TEST_F(LiveRecordsTest, ACursorThatMeansNothingIsHarmless) {
  Append("{\"n\":1}\n");
  for (const char* cursor : {"", "x", "1", "-", "1-", "1-64x", "99999999-64", "-1-64"}) {
    EXPECT_THAT(Read({}, cursor), ElementsAre("{\"n\":1}")) << cursor;
  }
  const std::string sequence = std::to_string(log_->last_sequence());
  for (const char* place : {"65", "70", "1000000", "18446744073709551615"}) {
    EXPECT_THAT(Read({}, sequence + "-" + place), IsEmpty()) << place;
    Append("{\"n\":2}\n");
    EXPECT_THAT(Next(), ElementsAre("{\"n\":2}"));
  }
}

}  // namespace
}  // namespace millrace::proxy
