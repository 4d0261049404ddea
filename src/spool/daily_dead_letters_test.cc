#include "spool/daily_dead_letters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>

#include "absl/synchronization/notification.h"
#include "base/strings.h"
#include "pipeline/testing/memory_dead_letter_queue.h"
#include "spool/log_source.h"

namespace millrace {
namespace {

using testing::ElementsAre;

constexpr absl::Time kNoon = absl::FromUnixSeconds(1'796'040'000);  // 2026-11-30
constexpr uint64_t kSegment = DailyDeadLetters::kRowsOfSegment;

class DailyDeadLettersTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "daily_XXXXXX";
    ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
    auto files = OpenLogFiles(folder_);
    ASSERT_TRUE(files.ok()) << files.status();
    files_ = *std::move(files);
    Open();
  }
  void TearDown() override {
    daily_ = nullptr;
    log_ = nullptr;
    std::filesystem::remove_all(folder_);
  }
  void Open() {
    log_ = nullptr;
    auto log = RecordLog::Open(
        *files_, {.segment_bytes = 4096, .segment_age = absl::InfiniteDuration()}, Clock::Real());
    ASSERT_TRUE(log.ok()) << log.status();
    log_ = *std::move(log);
    daily_ = std::make_unique<DailyDeadLetters>(queue_, *log_);
  }
  // In a segment of its own, but for the first one of a log.
  uint64_t Append(absl::Time arrival, RecordType type = RecordType::kEvent) {
    const std::string line = StrCat("{\"x\":\"", std::string(3000, 'x'), "\"}\n");
    absl::Notification done;
    log_->Append(
        {.type = type, .count = 1, .unix_micros = absl::ToUnixMicros(arrival), .records = line},
        [&](const absl::Status& status) {
          EXPECT_TRUE(status.ok()) << status;
          done.Notify();
        });
    done.WaitForNotification();
    return log_->last_sequence();
  }
  LedgerKey Key(uint64_t sequence, RecordType type = RecordType::kEvent) const {
    return {SegmentObject(log_->id(), sequence, type), "1", "proxy", "there"};
  }
  LedgerKey Day(const std::string& of) const {
    return {StrCat("spool:", log_->id(), "/", of), "", "proxy", "there"};
  }
  void Add(const LedgerKey& object, std::initializer_list<uint64_t> rows) {
    std::vector<Rejection> rejections;
    for (const uint64_t row : rows) rejections.push_back({.source_row = row, .code = "c"});
    ASSERT_TRUE(daily_->Add(object, rejections).ok());
    ASSERT_TRUE(daily_->Sync(object).ok());
  }
  std::vector<uint64_t> Rows(const LedgerKey& day) const {
    std::vector<uint64_t> rows;
    for (const Rejection& one : queue_.Durable(day)) rows.push_back(one.source_row);
    return rows;
  }

  std::string folder_;
  std::unique_ptr<LogFiles> files_;
  MemoryDeadLetterQueue queue_;
  std::unique_ptr<RecordLog> log_;
  std::unique_ptr<DailyDeadLetters> daily_;
};

TEST_F(DailyDeadLettersTest, SegmentsOfADayShareAnObject) {
  const uint64_t first = Append(kNoon), second = Append(kNoon + absl::Hours(11)),
                 third = Append(kNoon + absl::Hours(13));
  const uint64_t of_users = Append(kNoon, RecordType::kUser);
  Add(Key(first), {0, 7});
  Add(Key(second), {3});
  Add(Key(third), {4});
  Add(Key(of_users, RecordType::kUser), {5});
  EXPECT_THAT(Rows(Day("events/2026-11-30")),
              ElementsAre(first * kSegment, first * kSegment + 7, second * kSegment + 3));
  EXPECT_THAT(Rows(Day("events/2026-12-01")), ElementsAre(third * kSegment + 4));
  EXPECT_THAT(Rows(Day("users/2026-11-30")), ElementsAre(of_users * kSegment + 5));
}

TEST_F(DailyDeadLettersTest, ASegmentThatIsReadAgainLosesOnlyItsOwnRows) {
  const uint64_t first = Append(kNoon), second = Append(kNoon);
  Add(Key(first), {1, 2, 3});
  Add(Key(second), {1});
  ASSERT_TRUE(daily_->Rewind(Key(first), 2).ok());
  EXPECT_THAT(Rows(Day("events/2026-11-30")),
              ElementsAre(first * kSegment + 1, second * kSegment + 1));
  // Another process knows only that there may be some.
  Open();
  ASSERT_TRUE(daily_->Rewind(Key(first), 0).ok());
  EXPECT_THAT(Rows(Day("events/2026-11-30")), ElementsAre(second * kSegment + 1));
  // What began later has none, so nothing is searched.
  const uint64_t third = Append(kNoon), fourth = Append(kNoon);
  ASSERT_GT(fourth, third);
  ASSERT_TRUE(queue_.Add(Day("events/2026-11-30"), {{.source_row = fourth * kSegment}}).ok());
  ASSERT_TRUE(queue_.Sync(Day("events/2026-11-30")).ok());
  ASSERT_TRUE(daily_->Rewind(Key(fourth), 0).ok());
  EXPECT_THAT(Rows(Day("events/2026-11-30")),
              ElementsAre(second * kSegment + 1, fourth * kSegment));
}

}  // namespace
}  // namespace millrace
