#include "connectors/lake/lake_event_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "connectors/lake/lake_spec.h"
#include "connectors/lake/manifests.h"
#include "data_files/file_staging.h"

namespace millrace::lake {
namespace {

namespace fs = std::filesystem;
using data_files::FileStore;
using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;
using testing::UnorderedElementsAreArray;

constexpr int64_t kDay = 19'837;  // 2024-04-24
constexpr int64_t kMorning = kDay * 86'400'000;

// Calls `on_open` before an object is opened.
class WatchedStore : public ObjectStore {
 public:
  std::function<void(const std::string& uri)> on_open = [](const std::string&) {};

  absl::Status List(std::string_view pattern, const Visitor& visitor,
                    const HiddenVisitor& hidden) override {
    return store_->List(pattern, visitor, hidden);
  }
  absl::StatusOr<ObjectInfo> Find(std::string_view uri) override { return store_->Find(uri); }
  absl::StatusOr<std::unique_ptr<ObjectReader>> Open(const ObjectInfo& object) override {
    on_open(object.uri);
    return store_->Open(object);
  }
  absl::StatusOr<std::unique_ptr<ObjectWriter>> Create(std::string_view uri) override {
    return store_->Create(uri);
  }
  absl::Status Remove(std::string_view uri) override { return store_->Remove(uri); }
  absl::Status Move(std::string_view from, std::string_view to) override {
    return store_->Move(from, to);
  }
  absl::Status CreateIfAbsent(std::string_view uri, std::string_view content) override {
    return store_->CreateIfAbsent(uri, content);
  }

 private:
  const std::unique_ptr<ObjectStore> store_ = NewLocalObjectStore();
};

class LakeEventReaderTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::canonical(testing::TempDir()).string() + "/lakeread_XXXXXX";
    ASSERT_NE(::mkdtemp(root_.data()), nullptr);
  }
  void TearDown() override { fs::remove_all(root_); }

  void Open(std::string_view query) {
    spec_ = std::make_unique<LakeSpec>(*LakeSpec::Parse(StrCat(root_, "/?", query)));
    form_ = std::make_unique<TableForm>(*TableForm::Make(RecordType::kEvent, spec_->extra_columns));
    store_ = std::make_unique<FileStore>(spec_->root + spec_->folders.at(RecordType::kEvent),
                                         [this](std::stop_token) {
                                           auto objects = std::make_unique<WatchedStore>();
                                           objects_ = objects.get();
                                           return objects;
                                         });
    manifests_ = std::make_unique<Manifests>(*store_);
    reader_ = std::make_unique<LakeEventReader>(spec_->layout, *store_);
  }

  static std::string Event(int n, int64_t millis, std::string_view more = "") {
    return StrCat(R"({"event":"e","properties":{"time":)", millis, R"(,"distinct_id":"u)", n,
                  R"(","$insert_id":"i)", n, "\"", more, "}}");
  }

  void Commit(const std::vector<std::string>& records) {
    const auto staging = data_files::NewFileStaging({.layout = spec_->layout,
                                                     .form = *form_,
                                                     .store = *store_,
                                                     .log = *manifests_,
                                                     .traffic = traffic_,
                                                     .clock = Clock::Real()},
                                                    testing::TempDir());
    const auto sink = staging->NewSink();
    Batch batch;
    for (const std::string& record : records) {
      batch.bytes.Append(record);
      batch.EndRow(batch.rows());
    }
    const WriteResult staged = sink->Stage(batch, {}, {});
    ASSERT_TRUE(staged.durable()) << staged.status();
    ASSERT_THAT(staged.refused(), IsEmpty());
    Intent intent{.id = StrCat(std::string(31, 'c'), commits_++)};
    intent.parts = *sink->Seal(intent.id, {});
    const CommitResult result = staging->NewCommitter()->Commit(intent, {});
    ASSERT_EQ(result.kind, CommitResult::Kind::kCommitted) << result.status;
  }

  absl::Status Read(std::vector<std::string>& keys, int64_t first = kDay, int64_t last = kDay,
                    std::stop_token stop = {}) {
    const absl::flat_hash_set<std::string> names = {"e"};
    keys.clear();
    return reader_->Read(
        {.first_day = first, .last_day = last, .names = names},
        [&](const EventIdentity& event) {
          keys.push_back(event.event.empty() ? StrCat("no event: ", event.key) : event.key);
          return absl::OkStatus();
        },
        std::move(stop));
  }
  std::vector<std::string> Keys(int64_t first = kDay, int64_t last = kDay) {
    std::vector<std::string> keys;
    const absl::Status status = Read(keys, first, last);
    EXPECT_TRUE(status.ok()) << status;
    return keys;
  }
  std::string KeyOf(const std::string& record) {
    EventIdentity identity;
    const absl::Status status = reader_->NewIdentify()(record, identity);
    EXPECT_TRUE(status.ok()) << status;
    return identity.key;
  }

  std::vector<std::string> Files() const {
    std::vector<std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(root_)) {
      const std::string path = entry.path().string();
      if (entry.is_regular_file() && path.find("_millrace") == path.npos) files.push_back(path);
    }
    std::sort(files.begin(), files.end());
    return files;
  }
  void WriteFile(const std::string& name, std::string_view content) {
    const fs::path path = StrCat(root_, "/events/", name);
    fs::create_directories(path.parent_path());
    std::ofstream(path) << content;
  }

  std::string root_;
  std::unique_ptr<LakeSpec> spec_;
  std::unique_ptr<TableForm> form_;
  WatchedStore* objects_ = nullptr;
  std::unique_ptr<FileStore> store_;
  std::unique_ptr<Manifests> manifests_;
  std::unique_ptr<LakeEventReader> reader_;
  Traffic traffic_;
  int commits_ = 0;
};

constexpr const char* kLayouts[] = {"format=parquet",
                                    "format=parquet&path=&columns=extra:number",
                                    "format=ndjson.gz",
                                    "format=ndjson.zst&form=table&path={year}",
                                    "format=ndjson.gz&form=raw&path=dt={date}/h={hour}",
                                    "format=ndjson.zst&form=raw&time=arrival"};

// What records are made of, and what files of any form must give back unchanged.
TEST_F(LakeEventReaderTest, RowsHaveTheIdentitiesOfTheirRecords) {
  const std::vector<std::string> records = {
      Event(1, kMorning, R"(,"extra":1.5)"),
      Event(2, kMorning + 86'399'999),
      R"({"event":"e","properties":{"time":1713928381.0005,"$distinct_id":"other"}})",
      R"({"event":"\u00e9\"\\\n","properties":{"time":1713928381,"distinct_id":"\u0000\ud83d\ude00"}})",
      R"({"event":"e","properties":{"time":"1713928381","distinct_id":17,"$insert_id":true}})",
      R"({"event":"e","properties":{"time":1713928381999999,"distinct_id":{"a":[1, 2]}}})"};
  for (const char* layout : kLayouts) {
    Open(StrCat(layout, "&table=t", commits_));
    Commit(records);
    std::vector<std::string> expected;
    for (const std::string& record : records) expected.push_back(KeyOf(record));
    EXPECT_THAT(Keys(), UnorderedElementsAreArray(expected)) << layout;
  }
}

TEST_F(LakeEventReaderTest, OnlyTheDaysAreReturned) {
  for (const char* layout : kLayouts) {
    Open(StrCat(layout, "&table=t", commits_));
    Commit({Event(0, kMorning - 1), Event(1, kMorning), Event(2, kMorning + 86'400'000),
            R"({"event":"e","properties":{"distinct_id":"no time"}})", Event(4, -1)});
    EXPECT_THAT(Keys(), UnorderedElementsAre(KeyOf(Event(1, kMorning)))) << layout;
    EXPECT_THAT(Keys(kDay - 1, kDay), SizeIs(2)) << layout;
    EXPECT_THAT(Keys(-1, -1), UnorderedElementsAre(KeyOf(Event(4, -1)))) << layout;
    EXPECT_THAT(Keys(0, kDay - 2), IsEmpty()) << layout;
  }
}

TEST_F(LakeEventReaderTest, FoldersOfOtherDaysAreNotOpened) {
  Open("format=ndjson.gz&path=dt={date}/h={hour}");
  Commit({Event(0, kMorning - 1), Event(1, kMorning), Event(2, kMorning + 86'399'999),
          R"({"event":"e","properties":{"distinct_id":"no time"}})"});
  std::vector<std::string> opened;
  objects_->on_open = [&](const std::string& uri) { opened.push_back(uri); };
  EXPECT_THAT(Keys(), SizeIs(2));
  EXPECT_THAT(opened, AllOf(SizeIs(2), Each(HasSubstr("/dt=2024-04-24/h="))));
}

TEST_F(LakeEventReaderTest, EachCopyIsReturned) {
  Open("format=parquet");
  Commit({Event(1, kMorning)});
  Commit({Event(1, kMorning)});
  EXPECT_THAT(Keys(), SizeIs(2));
}

TEST_F(LakeEventReaderTest, AnEmptyLakeHasNoEvents) {
  Open("format=parquet");
  EXPECT_THAT(Keys(), IsEmpty());
}

TEST_F(LakeEventReaderTest, WhatIsStagedOrHiddenIsSkipped) {
  Open("format=ndjson.gz&form=raw&path=");
  Commit({Event(1, kMorning)});
  for (const char* name : {"_millrace/staged/p/x.ndjson.gz", ".hidden.ndjson.gz", "_SUCCESS",
                           "_temporary/x.ndjson.gz"}) {
    WriteFile(name, Event(2, kMorning));
  }
  EXPECT_THAT(Keys(), SizeIs(1));
}

TEST_F(LakeEventReaderTest, RowsThatAreNoEventsHaveNoName) {
  Open("format=ndjson.gz");
  WriteFile("x.ndjson.gz",
            R"({"event":"e","event_time":"soon"})"
            "\n{\"event_time\":\"2024-04-24T00:00:00Z\",\"a\":[1]}\n{\"a\n"
            "{\"event_time\":\"2020-01-01T00:00:00Z\"}\n{\"event\":\"e\",\"event_time\":null}\n");
  EXPECT_THAT(Keys(),
              UnorderedElementsAre(R"(no event: {"event":"e","event_time":"soon"})",
                                   R"(no event: {"event_time":"2024-04-24T00:00:00Z","a":[1]})",
                                   R"(no event: {"a)"));
}

TEST_F(LakeEventReaderTest, TruncatedFilesAreNamed) {
  for (const char* format : {"parquet", "ndjson.gz", "ndjson.zst"}) {
    Open(StrCat("path=&format=", format, "&table=", format));
    std::vector<std::string> records;
    for (int n = 0; n < 1000; ++n) records.push_back(Event(n, kMorning + n));
    Commit(records);
    const std::string file = Files().back();
    const auto size = fs::file_size(file);
    for (const auto rest : {size / 2, size - 1}) {
      fs::resize_file(file, rest);
      std::vector<std::string> keys;
      const absl::Status status = Read(keys);
      EXPECT_TRUE(absl::IsFailedPrecondition(status)) << format << status;
      EXPECT_THAT(status.ToString(), AllOf(HasSubstr(file), HasSubstr("restore the file")));
      fs::resize_file(file, size);
    }
    fs::remove(file);
  }
}

TEST_F(LakeEventReaderTest, FilesOfOthersAreNamed) {
  Open("format=parquet&path=");
  for (const char* name : {"rows.csv", "text.parquet", "empty.parquet", "noname"}) {
    WriteFile(name, name == std::string_view("empty.parquet") ? "" : "{\"event\":\"e\"}\n");
    std::vector<std::string> keys;
    const absl::Status status = Read(keys);
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(status.ToString(), HasSubstr(StrCat(root_, "/events/", name)));
    fs::remove(StrCat(root_, "/events/", name));
  }
}

TEST_F(LakeEventReaderTest, AFileThatIsRemovedMeanwhileIsTriedAgain) {
  Open("format=ndjson.gz&path=");
  Commit({Event(1, kMorning)});
  Commit({Event(2, kMorning)});
  objects_->on_open = [](const std::string& uri) { fs::remove(uri); };
  std::vector<std::string> keys;
  const absl::Status status = Read(keys);
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(status.ToString(), HasSubstr(".ndjson.gz"));
  objects_->on_open = [](const std::string&) {};
  EXPECT_THAT(Keys(), SizeIs(1));
}

TEST_F(LakeEventReaderTest, AFileThatIsReplacedMeanwhileIsTriedAgain) {
  Open("format=ndjson.gz&path=");
  Commit({Event(1, kMorning)});
  objects_->on_open = [](const std::string& uri) { std::ofstream(uri) << "other"; };
  std::vector<std::string> keys;
  EXPECT_TRUE(absl::IsUnavailable(Read(keys)));
}

TEST_F(LakeEventReaderTest, AStopEndsIt) {
  Open("format=ndjson.gz&path=");
  Commit({Event(1, kMorning)});
  std::stop_source stop;
  objects_->on_open = [&](const std::string&) { stop.request_stop(); };
  std::vector<std::string> keys;
  EXPECT_TRUE(absl::IsCancelled(Read(keys, kDay, kDay, stop.get_token())));
}

TEST_F(LakeEventReaderTest, AnErrorOfTheCallerEndsIt) {
  Open("format=ndjson.gz&path=");
  Commit({Event(1, kMorning), Event(2, kMorning)});
  const absl::flat_hash_set<std::string> names = {"e"};
  int calls = 0;
  const absl::Status status = reader_->Read({.first_day = kDay, .last_day = kDay, .names = names},
                                            [&](const EventIdentity&) {
                                              ++calls;
                                              return absl::ResourceExhaustedError("enough");
                                            },
                                            {});
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(calls, 1);
}

TEST_F(LakeEventReaderTest, ARecordWithoutATimeHasNoIdentity) {
  Open("format=parquet");
  EventIdentity identity;
  EXPECT_TRUE(absl::IsInvalidArgument(
      reader_->NewIdentify()(R"({"event":"e","properties":{}})", identity)));
}

}  // namespace
}  // namespace millrace::lake
