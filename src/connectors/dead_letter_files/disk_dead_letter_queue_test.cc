#include "connectors/dead_letter_files/disk_dead_letter_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

#include "base/strings.h"
#include "connectors/dead_letter_files/dead_letter_reader.h"
#include "connectors/dead_letter_files/replay_notes.h"
#include "connectors/dead_letter_files/row_lines.h"
#include "pipeline/testing/dead_letter_queue_contract.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class TempFolder {
 public:
  TempFolder() : path_(testing::TempDir() + "dead_letters_XXXXXX") { ::mkdtemp(path_.data()); }
  ~TempFolder() { fs::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::unique_ptr<DeadLetterQueue> MustOpen(const std::string& folder, Clock& clock) {
  absl::StatusOr<std::unique_ptr<DeadLetterQueue>> opened = OpenDiskDeadLetterQueue(folder, clock);
  EXPECT_TRUE(opened.ok()) << opened.status();
  return opened.ok() ? *std::move(opened) : nullptr;
}

std::string ReadFile(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path).rdbuf();
  return content.str();
}

void AppendToFile(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::app) << text;
}

class DiskFixture : public DeadLetterFixture {
 public:
  DeadLetterQueue& dead_letter() override { return *dead_letter_; }

  // What was being written is torn.
  void Crash() override {
    for (const auto& entry : fs::directory_iterator(folder_.path())) {
      AppendToFile(entry.path().string(), "{\"row\":1,\"co");
    }
    dead_letter_ = MustOpen(folder_.path(), clock_);
  }

  std::vector<Rejection> Kept(const LedgerKey& object) override {
    std::vector<Rejection> kept;
    const absl::StatusOr<DeadLetterScan> scan = ScanDeadLetters(
        folder_.path(), {.with_replayed = true}, [&](const DeadLetterRecord& record, bool) {
          if (record.object == object) kept.push_back(record.rejection);
          return absl::OkStatus();
        });
    EXPECT_TRUE(scan.ok()) << scan.status();
    EXPECT_EQ(scan->damaged, 0u) << scan->first_damaged;
    return kept;
  }

 private:
  FakeClock clock_;
  TempFolder folder_;
  std::unique_ptr<DeadLetterQueue> dead_letter_ = MustOpen(folder_.path(), clock_);
};

INSTANTIATE_TEST_SUITE_P(Disk, DeadLetterContract,
                         testing::Values([]() -> std::unique_ptr<DeadLetterFixture> {
                           return std::make_unique<DiskFixture>();
                         }));

class DiskDeadLetterQueueTest : public testing::Test {
 protected:
  static LedgerKey Key(const std::string& object) {
    return {
        .object = object, .version = "7", .config = "c-1", .destination = "mixpanel:h:1:events"};
  }
  static Rejection At(uint64_t row, const std::string& code = "invalid_time") {
    return {.source_row = row, .code = code, .message = StrCat("row ", row), .payload_after = "{}"};
  }
  void Keep(const LedgerKey& key, const std::vector<Rejection>& rejections) {
    ASSERT_TRUE(dead_letter_->Add(key, rejections).ok());
    ASSERT_TRUE(dead_letter_->Sync(key).ok());
  }
  std::string PathOf(const LedgerKey& key) { return DeadLetterPath(folder_, key); }

  // Object and row, counted from 1, of what fits.
  std::vector<std::string> Scan(const DeadLetterFilter& filter, DeadLetterScan* result = nullptr) {
    std::vector<std::string> found;
    const absl::StatusOr<DeadLetterScan> scan =
        ScanDeadLetters(folder_, filter, [&](const DeadLetterRecord& record, bool replayed) {
          found.push_back(StrCat(record.object.object, "/", record.rejection.source_row + 1,
                                 replayed ? " replayed" : ""));
          return absl::OkStatus();
        });
    EXPECT_TRUE(scan.ok()) << scan.status();
    if (result != nullptr && scan.ok()) *result = *scan;
    return found;
  }
  std::vector<DeadLetterRecord> Records(const DeadLetterFilter& filter) {
    std::vector<DeadLetterRecord> records;
    EXPECT_TRUE(ScanDeadLetters(folder_, filter, [&](const DeadLetterRecord& record, bool) {
                  records.push_back(record);
                  return absl::OkStatus();
                }).ok());
    return records;
  }
  void Note(const ReplayNote& note) {
    ASSERT_TRUE(NoteReplayed(folder_, {note}, {}, clock_.Now()).ok());
  }

  FakeClock clock_;
  TempFolder temp_;
  const std::string folder_ = temp_.path() + "/state/dead_letters";
  std::unique_ptr<DeadLetterQueue> dead_letter_ = MustOpen(folder_, clock_);
};

TEST_F(DiskDeadLetterQueueTest, ALineSaysEverything) {
  const LedgerKey key = Key("gs://b/dir/events 1.json");
  Keep(key, {{.source_row = 11,
              .code = "invalid_time",
              .field = "ts",
              .message = "\"x\" is no time",
              .payload_before = "{\"ts\":\"x\"}",
              .payload_after = "\xff"}});
  const std::string id = DeadLetterFileId(key);
  EXPECT_EQ(PathOf(key), StrCat(folder_, "/events_1.json-", id, ".ndjson"));
  EXPECT_EQ(ReadFile(PathOf(key)),
            StrCat("{\"id\":\"", id,
                   "-12\",\"time\":\"2023-11-14T22:13:20.000000Z\",\"row\":12,"
                   "\"source\":\"gs://b/dir/events 1.json\",\"version\":\"7\",\"config\":\"c-1\","
                   "\"destination\":\"mixpanel:h:1:events\",\"code\":\"invalid_time\","
                   "\"field\":\"ts\",\"reason\":\"\\\"x\\\" is no time\","
                   "\"payload_before\":\"{\\\"ts\\\":\\\"x\\\"}\","
                   "\"payload_after_base64\":\"/w==\"}\n"));
}

TEST_F(DiskDeadLetterQueueTest, FilesAreForTheirOwnerOnly) {
  Keep(Key("a"), {At(0)});
  struct stat stat = {};
  ASSERT_EQ(::stat(PathOf(Key("a")).c_str(), &stat), 0);
  EXPECT_EQ(stat.st_mode & 0777, 0600u);
  ASSERT_EQ(::stat(folder_.c_str(), &stat), 0);
  EXPECT_EQ(stat.st_mode & 0777, 0700u);
}

TEST_F(DiskDeadLetterQueueTest, AnyUriMakesAFileName) {
  const std::string uris[] = {
      "", "/", "gs://b/", "..", "a/../..", "x\ny", "\xff", "ü/\"; rm", std::string(5000, 'n')};
  for (const std::string& uri : uris) Keep(Key(uri), {At(0)});
  size_t files = 0;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    files += entry.path().extension() == ".ndjson";
    EXPECT_LT(entry.path().filename().string().size(), 100u);
  }
  EXPECT_EQ(files, std::size(uris));
  EXPECT_EQ(Scan({}).size(), std::size(uris));
}

TEST_F(DiskDeadLetterQueueTest, ALongPayloadIsCutBetweenCharactersAndSaysSo) {
  Rejection rejection = At(0);
  rejection.payload_before = std::string(kMaxPayloadBytes, 'x');
  rejection.payload_after = std::string(kMaxPayloadBytes - 1, 'x') + "\xe2\x82\xac\xe2\x82\xac";
  Keep(Key("a"), {rejection});
  const std::vector<DeadLetterRecord> records = Records({});
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].rejection.payload_before, rejection.payload_before);
  EXPECT_EQ(records[0].payload_before_bytes, 0u);
  EXPECT_EQ(records[0].rejection.payload_after, std::string(kMaxPayloadBytes - 1, 'x'));
  EXPECT_EQ(records[0].payload_after_bytes, kMaxPayloadBytes + 5);
}

TEST_F(DiskDeadLetterQueueTest, ARowThatWasTooLongToBeKeptSaysItsSize) {
  Rejection rejection = At(0);
  rejection.payload_before = "begin";
  rejection.payload_before_bytes = 20 << 20;
  Keep(Key("a"), {rejection});
  const std::vector<DeadLetterRecord> records = Records({});
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].rejection.payload_before, "begin");
  EXPECT_EQ(records[0].payload_before_bytes, 20u << 20);
}

TEST_F(DiskDeadLetterQueueTest, TheLongestRecordFitsItsLimit) {
  Rejection rejection = At(0);
  rejection.field = rejection.message = std::string(1 << 20, '\x01');
  rejection.payload_before = rejection.payload_after = std::string(3 << 20, '\x01');
  Keep(Key("a"), {rejection});
  EXPECT_EQ(Records({}).size(), 1u);
}

TEST_F(DiskDeadLetterQueueTest, ATornLineIsCutBeforeMoreIsAdded) {
  Keep(Key("a"), {At(0)});
  dead_letter_ = MustOpen(folder_, clock_);
  AppendToFile(PathOf(Key("a")), "{\"row\":2,\"tor");
  EXPECT_THAT(Scan({}), ElementsAre("a/1"));
  Keep(Key("a"), {At(5)});
  DeadLetterScan scan;
  EXPECT_THAT(Scan({}, &scan), ElementsAre("a/1", "a/6"));
  EXPECT_EQ(scan.damaged, 0u);
}

TEST_F(DiskDeadLetterQueueTest, MoreObjectsThanOpenFiles) {
  for (int i = 0; i < 150; ++i) {
    ASSERT_TRUE(dead_letter_->Add(Key(StrCat("o", i)), {At(1)}).ok());
  }
  for (int i = 0; i < 150; ++i) ASSERT_TRUE(dead_letter_->Sync(Key(StrCat("o", i))).ok());
  EXPECT_EQ(Scan({}).size(), 150u);
}

TEST_F(DiskDeadLetterQueueTest, AFullDiskIsAnErrorAndWhatFollowsIsWhole) {
  Keep(Key("a"), {At(0)});
  struct rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit full = before;
  full.rlim_cur = 1000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
  Rejection large = At(1);
  large.payload_after = std::string(5000, 'x');
  const absl::Status status = dead_letter_->Add(Key("a"), {large});
  const absl::Status sync = dead_letter_->Sync(Key("a"));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(std::string(ToStd(status.message())), HasSubstr(PathOf(Key("a"))));
  EXPECT_FALSE(sync.ok()) << "what was not written must not look kept";
  Keep(Key("a"), {At(2)});
  DeadLetterScan scan;
  EXPECT_THAT(Scan({}, &scan), ElementsAre("a/1", "a/3"));
  EXPECT_EQ(scan.damaged, 0u) << scan.first_damaged;
}

TEST_F(DiskDeadLetterQueueTest, AFileInPlaceOfTheFolderIsNamed) {
  AppendToFile(temp_.path() + "/file", "x");
  EXPECT_THAT(
      std::string(ToStd(OpenDiskDeadLetterQueue(temp_.path() + "/file").status().message())),
      HasSubstr("/file is not a folder"));
}

TEST_F(DiskDeadLetterQueueTest, FiltersNarrowTheScan) {
  const absl::Time start = clock_.Now();
  Keep(Key("s3://b/one"), {At(0), At(1, "event_too_large")});
  clock_.Advance(absl::Hours(1));
  Keep(Key("s3://b/two"), {At(2)});
  EXPECT_EQ(Scan({}).size(), 3u);
  EXPECT_THAT(Scan({.code = "event_too_large"}), ElementsAre("s3://b/one/2"));
  EXPECT_THAT(Scan({.object = "s3://b/t"}), ElementsAre("s3://b/two/3"));
  EXPECT_THAT(Scan({.since = start + absl::Minutes(1)}), ElementsAre("s3://b/two/3"));
  const std::string id = StrCat(DeadLetterFileId(Key("s3://b/one")), "-2");
  EXPECT_THAT(Scan({.id = id}), ElementsAre("s3://b/one/2"));
  for (const std::string other : {"", "x", "-", "0123456789abcdef-1"}) {
    EXPECT_THAT(Scan({.id = "no" + other}), IsEmpty());
  }
  const auto counts = CountDeadLetters(folder_, {});
  ASSERT_TRUE(counts.ok());
  EXPECT_EQ(*counts,
            (std::map<std::string, uint64_t>{{"event_too_large", 1}, {"invalid_time", 2}}));
}

TEST_F(DiskDeadLetterQueueTest, AMissingFolderHoldsNothing) { EXPECT_THAT(Scan({}), IsEmpty()); }

TEST_F(DiskDeadLetterQueueTest, DamagedLinesAreCountedAndHideNoOthers) {
  Keep(Key("a"), {At(0)});
  const std::string path = PathOf(Key("a"));
  AppendToFile(path, "not JSON\n[]\n{\"row\":0}\n{}\n\n");
  AppendToFile(path, std::string(kMaxRecordBytes + 10, 'x') + "\n");
  dead_letter_ = MustOpen(folder_, clock_);
  Keep(Key("a"), {At(1)});
  DeadLetterScan scan;
  EXPECT_THAT(Scan({}, &scan), ElementsAre("a/1", "a/2"));
  EXPECT_EQ(scan.damaged, 6u);
  EXPECT_THAT(scan.first_damaged, HasSubstr(path + ":2: "));
}

TEST_F(DiskDeadLetterQueueTest, WhatWasReplayedIsNotShownAgain) {
  Keep(Key("a"), {At(0), At(1), At(2)});
  Keep(Key("b"), {At(0)});
  for (int twice = 0; twice < 2; ++twice) {
    Note({.object = Key("a"), .row = 1});
    Note({.object = Key("a"), .row = 2});
    Note({.object = Key("b"), .row = 0});
  }
  DeadLetterScan scan;
  EXPECT_THAT(Scan({}, &scan), ElementsAre("a/1"));
  EXPECT_EQ(scan.replayed, 3u);
  EXPECT_THAT(Scan({.with_replayed = true}),
              ElementsAre("a/1", "a/2 replayed", "a/3 replayed", "b/1 replayed"));
}

TEST_F(DiskDeadLetterQueueTest, ATornNoteOfAReplayIsNoNote) {
  Keep(Key("a"), {At(0), At(1)});
  AppendToFile(ReplayedPath(PathOf(Key("a"))), "{\"row\":1,");
  EXPECT_THAT(Scan({}), ElementsAre("a/1", "a/2"));
  Note({.object = Key("a"), .row = 1});
  EXPECT_THAT(Scan({}), ElementsAre("a/1"));
}

TEST_F(DiskDeadLetterQueueTest, NotesOfReplaysCanBeReadBack) {
  Keep(Key("a"), {At(0), At(1)});
  Note({.object = Key("a"), .row = 1, .rejected_again = true});
  AppendToFile(ReplayedPath(PathOf(Key("a"))), "{}\n[]\n{\"row\":0}\nno\n");
  Note({.object = Key("a"), .row = 1, .events = {R"(["e","u",1,"i"])", R"(["f","",2,"j"])"}});
  std::vector<ReplayNote> notes;
  ASSERT_TRUE(ForEachReplayNote(PathOf(Key("a")), [&](const ReplayNote& note) {
                notes.push_back(note);
                return absl::OkStatus();
              }).ok());
  ASSERT_EQ(notes.size(), 2u);
  EXPECT_TRUE(notes[0].rejected_again);
  EXPECT_THAT(notes[0].events, IsEmpty());
  EXPECT_FALSE(notes[1].rejected_again);
  EXPECT_EQ(notes[1].row, 1u);
  EXPECT_THAT(notes[1].events, ElementsAre(R"(["e","u",1,"i"])", R"(["f","",2,"j"])"));
}

TEST_F(DiskDeadLetterQueueTest, OfARowThatIsRejectedAgainTheNewestRecordIsShown) {
  Keep(Key("a"), {At(0), At(1)});
  Keep(Key("a"), {At(1)});
  EXPECT_THAT(Scan({}), ElementsAre("a/1", "a/2", "a/2")) << "without a note nothing is hidden";
  Note({.object = Key("a"), .row = 1, .rejected_again = true});
  EXPECT_THAT(Scan({}), ElementsAre("a/1", "a/2"));
  Keep(Key("a"), {At(1)});
  EXPECT_THAT(Scan({}), ElementsAre("a/1", "a/2"));
  Note({.object = Key("a"), .row = 1});
  EXPECT_THAT(Scan({.with_replayed = true}), ElementsAre("a/1", "a/2 replayed"));
}

TEST_F(DiskDeadLetterQueueTest, ARowThatIsRejectedAnewAfterAReplayIsShownAgain) {
  Keep(Key("a"), {At(0), At(1)});
  Note({.object = Key("a"), .row = 0});
  Note({.object = Key("a"), .row = 1});
  EXPECT_THAT(Scan({}), IsEmpty());
  ASSERT_TRUE(dead_letter_->Rewind(Key("a"), 1).ok());
  Keep(Key("a"), {At(1)});
  EXPECT_THAT(Scan({}), ElementsAre("a/2"));
}

// An import may read an object again while a replay of its records is under way.
TEST_F(DiskDeadLetterQueueTest, WhatIsNotedOfARowThatWasJudgedAnewIsLeftOut) {
  Keep(Key("a"), {At(0), At(1), At(2)});
  ASSERT_TRUE(dead_letter_->Rewind(Key("a"), 1).ok());
  Keep(Key("a"), {At(2)});  // row 1 is accepted now
  ASSERT_TRUE(NoteReplayed(folder_,
                           {{.object = Key("a"), .row = 0},
                            {.object = Key("a"), .row = 1, .rejected_again = true},
                            {.object = Key("a"), .row = 2, .rejected_again = true}},
                           {{Key("a"), {At(1, "new"), At(2, "new")}}}, clock_.Now())
                  .ok());
  EXPECT_THAT(Scan({.with_replayed = true}), ElementsAre("a/1 replayed", "a/3"));
  EXPECT_EQ(Records({}).front().rejection.code, "new");
  ASSERT_TRUE(NoteReplayed(folder_, {{.object = Key("none"), .row = 0}}, {}, clock_.Now()).ok());
}

// Each of the two writes to both files while the other replaces them.
TEST_F(DiskDeadLetterQueueTest, AReplayAndAnImportOfTwoProcessesLoseNothingOfEachOther) {
  constexpr uint64_t kRows = 150;
  const LedgerKey key = Key("a");
  std::vector<Rejection> rows;
  for (uint64_t row = 0; row < kRows; ++row) rows.push_back(At(row));
  Keep(key, rows);
  const pid_t import = ::fork();
  if (import == 0) {  // reads on from row 1000 again and again, and rejects more
    const std::unique_ptr<DeadLetterQueue> mine = MustOpen(folder_, Clock::Real());
    for (uint64_t i = 0; i < kRows; ++i) {
      const std::vector<Rejection> more = {At(500 + i), At(1000)};
      if (!mine->Add(key, more).ok() || !mine->Sync(key).ok() || !mine->Rewind(key, 1000).ok() ||
          !mine->Add(key, {At(1000)}).ok()) {
        ::_exit(1);
      }
    }
    ::_exit(mine->Sync(key).ok() ? 0 : 1);
  }
  for (uint64_t row = 0; row < kRows; ++row) {
    const std::vector<ReplayNote> notes = {{.object = key, .row = row, .rejected_again = true},
                                           {.object = key, .row = 1000}};
    ASSERT_TRUE(NoteReplayed(folder_, notes, {{key, {At(row, "new")}}}, clock_.Now()).ok());
  }
  int status = 0;
  ASSERT_EQ(::waitpid(import, &status, 0), import);
  ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  std::vector<uint64_t> noted;
  ASSERT_TRUE(ForEachReplayNote(PathOf(key), [&](const ReplayNote& note) {
                if (note.row < kRows) noted.push_back(note.row);
                return absl::OkStatus();
              }).ok());
  std::vector<uint64_t> all(kRows);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(noted, all) << "notes of the replay";
  std::map<uint64_t, int> records;
  std::map<uint64_t, std::string> codes;
  for (const DeadLetterRecord& record : Records({.with_replayed = true})) {
    ++records[record.rejection.source_row];
    codes[record.rejection.source_row] = record.rejection.code;
  }
  for (uint64_t row = 0; row < kRows; ++row) {
    EXPECT_EQ(codes[row], "new") << "records of the replay, row " << row;
    EXPECT_EQ(records[500 + row], 1) << "records of the import, row " << 500 + row;
  }
}

TEST_F(DiskDeadLetterQueueTest, AnErrorOfTheVisitorEndsTheScan) {
  Keep(Key("a"), {At(0), At(1)});
  int visits = 0;
  const auto scan = ScanDeadLetters(folder_, {}, [&](const DeadLetterRecord&, bool) {
    ++visits;
    return absl::CancelledError("enough");
  });
  EXPECT_TRUE(absl::IsCancelled(scan.status()));
  EXPECT_EQ(visits, 1);
}

TEST_F(DiskDeadLetterQueueTest, LinesLongerThanABlockAreReadWhole) {
  const std::string path = temp_.path() + "/lines";
  std::vector<std::string> lines;
  for (const size_t size : {0u, 1u, 262'143u, 262'144u, 262'145u, 600'000u, 3u}) {
    lines.push_back(std::string(size, static_cast<char>('a' + lines.size())));
    AppendToFile(path, lines.back() + "\n");
  }
  AppendToFile(path, "torn");
  std::vector<std::string> read;
  ASSERT_TRUE(ForEachLine(path, 1 << 20, [&](std::string_view line, uint64_t number) {
                read.emplace_back(line);
                EXPECT_EQ(number, read.size());
                return absl::OkStatus();
              }).ok());
  EXPECT_EQ(read, lines);
  read.clear();
  ASSERT_TRUE(ForEachLine(path, 300'000, [&](std::string_view line, uint64_t) {
                read.emplace_back(line);
                return absl::OkStatus();
              }).ok());
  EXPECT_EQ(read[5].size(), 300'001u);
  EXPECT_EQ(read[6], lines[6]);
}

}  // namespace
}  // namespace millrace
