#include "record_log/record_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "base/strings.h"
#include "record_log/memory_log_files.h"
#include "record_log/testing/fake_disk.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr RecordLogOptions kSmall = {
    .segment_bytes = 1024, .segment_age = absl::InfiniteDuration(), .max_bytes = 64 * 1024};

std::string Line(int n) { return StrCat("{\"n\":", n, "}\n"); }

class RecordLogTest : public testing::Test {
 protected:
  void Open(const RecordLogOptions& options = kSmall) {
    log_ = nullptr;
    auto log = RecordLog::Open(disk_, options, Clock::Real());
    ASSERT_TRUE(log.ok()) << log.status();
    log_ = *std::move(log);
  }
  // Waits for the acknowledgement.
  absl::Status Append(std::string_view records, RecordType type = RecordType::kEvent,
                      uint32_t count = 1) {
    absl::Status result;
    absl::BlockingCounter done(1);
    log_->Append({.type = type, .count = count, .unix_micros = 7, .records = records},
                 [&](const absl::Status& status) {
                   result = status;
                   done.DecrementCount();
                 });
    done.Wait();
    return result;
  }
  // All records of a type that the log has, in their order.
  std::vector<std::string> Records(RecordType type = RecordType::kEvent) const {
    std::vector<std::string> records;
    for (const SegmentState& segment : log_->segments()) {
      SegmentReader reader(*log_, segment.sequence);
      for (;;) {
        const auto frame = reader.Next(type);
        EXPECT_TRUE(frame.ok()) << frame.status();
        if (!frame.ok() || !*frame) break;
        records.emplace_back((*frame)->records);
      }
      EXPECT_EQ(reader.at_end(), segment.is_sealed);
    }
    return records;
  }

  FakeDisk disk_;
  std::unique_ptr<RecordLog> log_;
};

TEST_F(RecordLogTest, WhatIsAcknowledgedIsRead) {
  Open();
  ASSERT_TRUE(Append("a\nb\n", RecordType::kEvent, 2).ok());
  ASSERT_TRUE(Append("u\n", RecordType::kUser).ok());
  ASSERT_TRUE(Append("c\n").ok());
  EXPECT_THAT(Records(), ElementsAre("a\nb\n", "c\n"));
  EXPECT_THAT(Records(RecordType::kUser), ElementsAre("u\n"));
  EXPECT_THAT(Records(RecordType::kGroup), IsEmpty());
  const SegmentState segment = log_->segments().at(0);
  EXPECT_THAT(segment.counts, ElementsAre(3, 1, 0));
  SegmentReader reader(*log_, segment.sequence);
  const auto frame = reader.Next(RecordType::kEvent);
  EXPECT_EQ((*frame)->count, 2u);
  EXPECT_EQ((*frame)->unix_micros, 7);
}

TEST_F(RecordLogTest, FramesSayWhetherTheyAreMapped) {
  Open();
  for (const bool is_mapped : {true, false}) {
    absl::BlockingCounter done(1);
    log_->Append({.count = 1, .records = "a\n", .is_mapped = is_mapped},
                 [&](const absl::Status&) { done.DecrementCount(); });
    done.Wait();
  }
  const SegmentState segment = log_->segments().at(0);
  EXPECT_THAT(segment.counts, ElementsAre(2, 0, 0));
  SegmentReader reader(*log_, segment.sequence);
  EXPECT_TRUE((*reader.Next(RecordType::kEvent))->is_mapped);
  EXPECT_FALSE((*reader.Next(RecordType::kEvent))->is_mapped);
}

TEST_F(RecordLogTest, ARestartKeepsEverythingAndNoNumberIsUsedAgain) {
  Open();
  const std::string id = log_->id();
  EXPECT_EQ(id.size(), 32u);
  std::set<uint64_t> numbers;
  std::vector<std::string> expected;
  for (int n = 0; n < 5; ++n) {
    EXPECT_TRUE(numbers.insert(log_->last_sequence()).second);
    expected.push_back(Line(n));
    ASSERT_TRUE(Append(expected.back()).ok());
    Open();
    EXPECT_EQ(log_->id(), id);
    EXPECT_EQ(Records(), expected);
  }
}

TEST_F(RecordLogTest, SegmentsEndWhenTheyAreFull) {
  Open();
  std::vector<std::string> expected;
  for (int n = 0; n < 300; ++n) {
    expected.push_back(Line(n));
    ASSERT_TRUE(Append(expected.back()).ok());
  }
  EXPECT_EQ(Records(), expected);
  EXPECT_GT(log_->segments().size(), 5u);
  for (size_t i = 0; i + 1 < log_->segments().size(); ++i) {
    EXPECT_TRUE(log_->segments()[i].is_sealed);
    EXPECT_LE(log_->segments()[i].end, 1024u);
  }
  Open();
  EXPECT_EQ(Records(), expected);
}

TEST_F(RecordLogTest, SegmentsEndWhenTheyAreOld) {
  RecordLogOptions options = kSmall;
  options.segment_age = absl::Milliseconds(1);
  Open(options);
  const uint64_t first = log_->last_sequence();
  ASSERT_TRUE(Append("a\n").ok());
  log_->AwaitMore(first, RecordType::kEvent, 1, {}, absl::Seconds(60));
  EXPECT_TRUE(log_->segment(first)->is_sealed);
  EXPECT_EQ(log_->last_sequence(), first + 1);
}

TEST_F(RecordLogTest, AFileIsUsedAgainAndItsOldFramesAreNot) {
  Open();
  std::vector<std::string> kept;
  for (int round = 0; round < 20; ++round) {
    for (int n = 0; n < 30; ++n) ASSERT_TRUE(Append(Line(n)).ok());
    for (const SegmentState& segment : log_->segments()) {
      if (segment.is_sealed) {
        ASSERT_TRUE(log_->Remove(segment.sequence).ok());
      }
    }
    kept = Records();
    if (round % 5 == 4) Open();
    EXPECT_EQ(Records(), kept);
  }
  // The last one, a spare one and one that is prepared, about.
  EXPECT_LE(disk_.List()->size(), 6u);
  EXPECT_LT(disk_.creates(), 20) << "of " << log_->last_sequence() << " segments";
}

TEST_F(RecordLogTest, AFullLogRefusesUntilASegmentIsRemoved) {
  RecordLogOptions options = kSmall;
  options.max_bytes = 2048;
  Open(options);
  absl::Status full;
  std::vector<std::string> expected;
  for (int n = 0; full.ok() && n < 1000; ++n) {
    full = Append(Line(n));
    if (full.ok()) expected.push_back(Line(n));
  }
  EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
  EXPECT_THAT(full.message(), HasSubstr("maximum of 2048 bytes"));
  EXPECT_EQ(Records(), expected);
  ASSERT_TRUE(log_->Remove(log_->segments()[0].sequence).ok());
  // The next segment is made by another thread.
  absl::Status status = full;
  while (absl::IsResourceExhausted(status)) status = Append("again\n");
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(RecordLogTest, AFullLogOpensAndStaysFull) {
  RecordLogOptions options = kSmall;
  options.max_bytes = 2048;
  Open(options);
  std::vector<std::string> expected;
  for (int n = 0; Append(Line(n)).ok() && n < 1000; ++n) expected.push_back(Line(n));
  for (int i = 0; i < 3; ++i) {
    Open(options);
    EXPECT_EQ(Records(), expected);
    EXPECT_TRUE(absl::IsResourceExhausted(Append("more\n")));
  }
  ASSERT_TRUE(log_->Remove(log_->segments()[0].sequence).ok());
  EXPECT_TRUE(Append("again\n").ok());
}

TEST_F(RecordLogTest, SegmentsThatEndEarlyGiveBackTheirRoom) {
  RecordLogOptions options = kSmall;
  options.max_bytes = 2048;
  std::vector<std::string> expected;
  for (int n = 0; n < 8; ++n) {
    Open(options);
    ASSERT_TRUE(Append(Line(n)).ok()) << n;
    expected.push_back(Line(n));
  }
  EXPECT_EQ(Records(), expected);
}

TEST_F(RecordLogTest, AFullDiskRefusesAndLosesNothing) {
  disk_.SetRoom(2500);
  Open();
  absl::Status full;
  std::vector<std::string> expected;
  for (int n = 0; full.ok() && n < 1000; ++n) {
    full = Append(Line(n));
    if (full.ok()) expected.push_back(Line(n));
  }
  EXPECT_THAT(full.message(), HasSubstr("No space left"));
  EXPECT_EQ(Records(), expected);
  disk_.SetRoom(UINT64_MAX);
  absl::Status status = full;
  while (absl::IsResourceExhausted(status)) status = Append("again\n");
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(Records().back(), "again\n");
}

TEST_F(RecordLogTest, AfterAFailedSyncNothingIsAcknowledged) {
  Open();
  ASSERT_TRUE(Append("a\n").ok());
  disk_.FailSyncs(1);
  for (int n = 0; n < 3; ++n) {
    const absl::Status failed = Append("b\n");
    EXPECT_TRUE(absl::IsUnavailable(failed)) << failed;
    EXPECT_THAT(failed.message(), HasSubstr("I/O error"));
  }
  EXPECT_THAT(Records(), ElementsAre("a\n"));
  EXPECT_FALSE(log_->failure().ok());
  const int syncs = disk_.syncs();
  EXPECT_FALSE(Append("c\n").ok());
  EXPECT_EQ(disk_.syncs(), syncs) << "a second sync may succeed without having written anything";
}

TEST_F(RecordLogTest, WhatDoesNotFitIsRefusedAtOnce) {
  Open();
  EXPECT_TRUE(absl::IsInvalidArgument(Append(std::string(1024, 'x'))));
  EXPECT_TRUE(absl::IsInvalidArgument(Append("")));
  EXPECT_TRUE(absl::IsInvalidArgument(
      RecordLog::Open(disk_, {.segment_bytes = 1024, .max_bytes = 2047}, Clock::Real()).status()));
}

TEST_F(RecordLogTest, FramesOfOneAppendAreAllThereOrNone) {
  Open({.segment_bytes = 1024, .segment_age = absl::InfiniteDuration(), .max_bytes = 4096});
  const std::string first(300, 'a'), second(200, 'b');
  constexpr auto kType = RecordType::kUser;
  const Frame frames[] = {{.type = kType, .count = 3, .records = first},
                          {.type = kType, .count = 2, .records = second}};
  absl::Status status;
  size_t appended = 0;
  for (; status.ok() && appended < 100; ++appended) {
    absl::BlockingCounter done(1);
    log_->Append(frames, [&](const absl::Status& result) {
      status = result;
      done.DecrementCount();
    });
    done.Wait();
  }
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  // One pair fits into a segment, and only the first frame of a second one.
  const std::vector<SegmentState> segments = log_->segments();
  EXPECT_EQ(segments.size(), appended - 1);
  for (const SegmentState& segment : segments) {
    EXPECT_THAT(segment.counts, ElementsAre(0, 5, 0));
  }
  EXPECT_THAT(Records(kType), SizeIs(2 * (appended - 1)));
  log_->Append(absl::Span<const Frame>(), [&](const absl::Status& result) { status = result; });
  EXPECT_TRUE(absl::IsInvalidArgument(status));
}

TEST_F(RecordLogTest, DamageIsFoundAndNamed) {
  Open();
  for (int n = 0; n < 100; ++n) ASSERT_TRUE(Append(Line(n)).ok());
  const SegmentState first = log_->segments()[0];
  const std::string name = StrCat("000000000000000", first.sequence, ".log");
  disk_.Damage(name, kSegmentHeaderBytes + kFrameHeaderBytes + 3);
  SegmentReader reader(*log_, first.sequence);
  const auto frame = reader.Next(RecordType::kEvent);
  EXPECT_TRUE(absl::IsDataLoss(frame.status())) << frame.status();
  EXPECT_THAT(frame.status().message(), HasSubstr("is damaged at byte 64"));
  disk_.Damage(name, 3);
  log_ = nullptr;
  const auto opened = RecordLog::Open(disk_, kSmall, Clock::Real());
  EXPECT_TRUE(absl::IsDataLoss(opened.status())) << opened.status();
  EXPECT_THAT(opened.status().message(), HasSubstr(name));
}

TEST_F(RecordLogTest, DamageOfASegmentThatIsNotSealedCostsOnlyItsFrame) {
  struct Case {
    uint64_t at;  // in the frame
    bool counts_are_known;
  };
  for (const auto& [at, counts_are_known] :
       {Case{0, true}, Case{3, true}, Case{4, true}, Case{8, false}, Case{11, false},
        Case{15, false}, Case{20, true}, Case{24, true}, Case{27, true}}) {
    SCOPED_TRACE(at);
    disk_.Restart();
    const auto names = disk_.List();
    for (const std::string& name : *names) ASSERT_TRUE(disk_.Remove(name).ok());
    Open();
    const uint64_t sequence = log_->last_sequence();
    ASSERT_TRUE(Append("a\nb\n", RecordType::kUser, 2).ok());
    const uint64_t begin = log_->segments().back().end;
    ASSERT_TRUE(Append("c\ndd\neee\n", RecordType::kUser, 3).ok());
    ASSERT_TRUE(Append("f\n", RecordType::kEvent).ok());
    ASSERT_TRUE(Append("g\n", RecordType::kUser).ok());
    const RecordCounts counts = log_->segments().back().counts;
    disk_.Crash(0);
    log_ = nullptr;
    disk_.Restart();
    disk_.Damage(StrCat("000000000000000", sequence, ".log"), begin + at);
    for (int start = 0; start < 2; ++start) {
      Open();
      const std::vector<std::string> users = Records(RecordType::kUser);
      ASSERT_GE(users.size(), 2u);
      EXPECT_EQ(users.front(), "a\nb\n");
      EXPECT_EQ(users.back(), "g\n");
      if (counts_are_known) {
        ASSERT_THAT(users, SizeIs(3));
        EXPECT_EQ(std::count(users[1].begin(), users[1].end(), '\n'), 3);
        EXPECT_TRUE(users[1].starts_with('!')) << users[1];
        EXPECT_THAT(users[1], HasSubstr("\n!"));
        EXPECT_EQ(log_->segments().front().counts, counts);
        EXPECT_EQ(Records(), std::vector<std::string>{"f\n"});
      }
      EXPECT_EQ(Records().back(), "f\n");
      EXPECT_EQ(log_->damaged(), start == 0 ? 3 : 0) << "it is repaired once";
    }
    log_ = nullptr;
  }
}

TEST_F(RecordLogTest, EachOfSeveralDamagedFramesKeepsItsRecordsCounted) {
  Open();
  std::vector<uint64_t> begins;
  for (int n = 0; n < 6; ++n) {
    begins.push_back(log_->segments().back().end);
    ASSERT_TRUE(Append(Line(n), n % 2 == 0 ? RecordType::kEvent : RecordType::kGroup).ok());
  }
  const std::string name = StrCat("000000000000000", log_->last_sequence(), ".log");
  disk_.Crash(0);
  log_ = nullptr;
  disk_.Restart();
  for (const int n : {1, 2, 4}) disk_.Damage(name, begins[n] + kFrameHeaderBytes + 1);
  disk_.Damage(name, begins[5] + 4);  // the last one: as if it was not written in full
  Open();
  EXPECT_THAT(Records(), ElementsAre(Line(0), testing::StartsWith("!")));
  EXPECT_THAT(Records(RecordType::kGroup), ElementsAre(testing::StartsWith("!"), Line(3)));
  EXPECT_EQ(log_->damaged(), 2);
}

TEST_F(RecordLogTest, WhatWasNeverWrittenIsFewRecords) {
  constexpr uint64_t kSequence = 7;
  constexpr size_t kFrames = 20'000;  // of an earlier segment: most of 3 MB
  const std::string stale(120, 's');
  const auto frames = [](uint64_t sequence, std::string_view records, size_t count) {
    ByteBuffer bytes;
    for (size_t i = 0; i < count; ++i) AppendFrame({.count = 1, .records = records}, bytes);
    SaltFrames(sequence, bytes.data(), bytes.size());
    return std::string(bytes.view());
  };
  const std::string parts[] = {frames(kSequence, "a\n", 1), frames(kSequence - 1, stale, kFrames),
                               frames(kSequence, "b\n", 1), std::string(100, '\0'),
                               frames(kSequence, "c\n", 1)};
  const std::string id(16, 'i');
  std::string bytes = EncodeHeader({.spool_id = id, .sequence = kSequence});
  for (const std::string& part : parts) bytes += part;
  {
    auto file = disk_.Create("0000000000000007.log", 4 << 20, LogFiles::Fill::kNone);
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE((*file)->Write(0, bytes).ok());
    ASSERT_TRUE((*file)->Sync().ok());
    ASSERT_TRUE(disk_.SyncNames().ok());
  }
  Open({.segment_bytes = 4 << 20, .max_bytes = 16 << 20});
  const std::vector<std::string> records = Records();
  ASSERT_THAT(records, SizeIs(5));
  EXPECT_EQ(records[0], "a\n");
  EXPECT_EQ(std::count(records[1].begin(), records[1].end(), '\n'), 3) << "a MB in each";
  EXPECT_EQ(records[1].find('s'), std::string::npos);
  EXPECT_EQ(records[2], "b\n");
  EXPECT_THAT(records[3], testing::StartsWith("! "));
  EXPECT_EQ(records[4], "c\n");
  EXPECT_EQ(log_->damaged(), 4);
}

// Appends from two threads until the machine crashes, again and again.
TEST_F(RecordLogTest, WhatWasAcknowledgedSurvivesACrashAtAnyMoment) {
  const RecordLogOptions options = {
      .segment_bytes = 600, .segment_age = absl::InfiniteDuration(), .max_bytes = 1 << 20};
  std::mt19937_64 random(1);
  std::vector<std::string> kept;  // as it was read after the last crash
  std::set<std::string> acknowledged, appended;
  std::atomic<int> next = 0;
  uint64_t acks_of_all = 0;
  for (int round = 0; round < 300; ++round) {
    Open(options);
    const std::vector<std::string> found = Records();
    // What was there before is there still, in its order; what was acknowledged is there; nothing
    // is there twice or was invented.
    ASSERT_GE(found.size(), kept.size());
    EXPECT_TRUE(std::equal(kept.begin(), kept.end(), found.begin())) << round;
    const std::set<std::string> unique(found.begin(), found.end());
    EXPECT_EQ(unique.size(), found.size()) << round;
    for (const std::string& line : acknowledged) EXPECT_TRUE(unique.contains(line)) << round;
    for (const std::string& line : found) {
      // After a loss of power, a frame of which not all was written may precede a whole one.
      EXPECT_TRUE(appended.contains(line) || line.starts_with('!')) << line;
    }
    kept = found;

    // What was read may be removed.
    const bool removes = random() % 4 == 0;
    if (removes) {
      for (const SegmentState& segment : log_->segments()) {
        if (!segment.is_sealed) continue;
        ASSERT_TRUE(log_->Remove(segment.sequence).ok());
      }
      kept.clear();
      acknowledged.clear();
    }
    absl::Mutex mutex;
    const uint64_t crash_after = random() % 12, seed = random();
    std::atomic<uint64_t> acks = 0;
    {
      std::vector<std::jthread> writers;
      for (int writer = 0; writer < 2; ++writer) {
        writers.emplace_back([&] {
          for (int n = 0; n < 12; ++n) {
            const std::string line = Line(next++);
            {
              absl::MutexLock lock(&mutex);
              appended.insert(line);
            }
            log_->Append({.count = 1, .records = line}, [&, line](const absl::Status& status) {
              if (!status.ok()) return;
              absl::MutexLock lock(&mutex);
              acknowledged.insert(line);
              if (++acks == crash_after) disk_.Crash(seed);
            });
          }
        });
      }
    }
    if (acks < crash_after || crash_after == 0) disk_.Crash(seed);
    acks_of_all += acks;
    log_ = nullptr;
    disk_.Restart();
  }
  EXPECT_GT(acks_of_all, 300u);
}

TEST_F(RecordLogTest, ReadersFollowTheWriter) {
  Open({.segment_bytes = 4096, .segment_age = absl::InfiniteDuration(), .max_bytes = 16 << 20});
  constexpr int kFrames = 2000;
  std::vector<std::jthread> readers;
  for (const RecordType type : {RecordType::kEvent, RecordType::kGroup}) {
    readers.emplace_back([&, type] {
      int expected = 0;
      for (uint64_t sequence = 1; expected < kFrames; ++sequence) {
        SegmentReader reader(*log_, sequence);
        uint64_t read_of_segment = 0;
        while (expected < kFrames && !reader.at_end()) {
          const auto frame = reader.Next(type);
          ASSERT_TRUE(frame.ok()) << frame.status();
          if (*frame) {
            ASSERT_EQ((*frame)->records, Line(expected++));
            ++read_of_segment;
          } else if (!reader.at_end()) {
            log_->AwaitMore(sequence, type, read_of_segment, {}, absl::Seconds(60));
          }
        }
      }
    });
  }
  for (int n = 0; n < kFrames; ++n) {
    for (const RecordType type : {RecordType::kEvent, RecordType::kGroup}) {
      const std::string line = Line(n);
      log_->Append({.type = type, .count = 1, .records = line},
                   [](const absl::Status& status) { EXPECT_TRUE(status.ok()) << status; });
    }
  }
}

TEST_F(RecordLogTest, AStopEndsAWait) {
  Open();
  std::stop_source stop;
  std::jthread other([&] { stop.request_stop(); });
  log_->AwaitMore(log_->last_sequence(), RecordType::kEvent, 0, stop.get_token(),
                  absl::InfiniteDuration());
}

TEST(RecordLogOnDisk, WorksOnFiles) {
  const std::string folder = testing::TempDir() + StrCat("record_log_", getpid());
  std::filesystem::remove_all(folder);
  for (int n = 0; n < 3; ++n) {
    auto files = OpenLogFiles(folder + "/spool");
    ASSERT_TRUE(files.ok()) << files.status();
    auto log = RecordLog::Open(**files, {.segment_bytes = 1 << 20}, Clock::Real());
    ASSERT_TRUE(log.ok()) << log.status();
    EXPECT_EQ((*log)->segments().size(), static_cast<size_t>(n) + 1);
    absl::BlockingCounter done(1);
    (*log)->Append({.count = 1, .records = "a\n"}, [&](const absl::Status& status) {
      EXPECT_TRUE(status.ok()) << status;
      done.DecrementCount();
    });
    done.Wait();
  }
  EXPECT_EQ(std::filesystem::status(folder + "/spool").permissions(),
            std::filesystem::perms::owner_all);
  std::filesystem::remove_all(folder);
}

TEST(MemoryRecordLog, RecordsArePlacedAndReadLikeThoseOfFiles) {
  const std::unique_ptr<LogFiles> files = NewMemoryLogFiles();
  const auto log = RecordLog::Open(*files, kSmall, Clock::Real());
  ASSERT_TRUE(log.ok()) << log.status();
  std::map<uint64_t, uint64_t> rows;  // by segment
  for (int n = 0; n < 200; ++n) {
    FramePlace place;
    absl::BlockingCounter done(1);
    (*log)->Append(
        {.count = 2, .records = Line(n) + Line(n)},
        [&](const absl::Status& status) {
          EXPECT_TRUE(status.ok()) << status;
          done.DecrementCount();
        },
        &place);
    done.Wait();
    EXPECT_EQ(place.end_row, rows[place.sequence] += 2);
    if (place.sequence <= 2) continue;
    // Files are used again.
    ASSERT_TRUE((*log)->Remove(place.sequence - 2).ok());
    SegmentReader reader(**log, place.sequence);
    for (uint64_t row = 0; row < place.end_row; row += 2) {
      const auto frame = reader.Next(RecordType::kEvent);
      ASSERT_TRUE(frame.ok() && *frame) << frame.status();
      EXPECT_EQ((*frame)->count, 2u);
    }
  }
  EXPECT_GT(rows.size(), 3u);
}

}  // namespace
}  // namespace millrace
