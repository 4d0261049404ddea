// What every EventStore and ProfileStore must keep, in memory and in SQLite.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "base/strings.h"
#include "sandbox/event_store.h"
#include "sandbox/profile_store.h"
#include "sandbox/sqlite_database.h"

namespace millrace::sandbox {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class StoreTest : public ::testing::TestWithParam<bool> {
 protected:
  StoreTest() {
    if (!GetParam()) {
      events_ = NewMemoryEventStore();
      profiles_ = NewMemoryProfileStore();
      return;
    }
    folder_ = std::filesystem::path(::testing::TempDir()) / StrCat("store_test_", getpid());
    OpenSqlite();
  }
  ~StoreTest() override {
    Close();
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }

  void OpenSqlite() {
    const auto database = SqliteDatabase::Open(folder_);
    ASSERT_TRUE(database.ok()) << database.status();
    events_ = *NewSqliteEventStore(*database);
    profiles_ = *NewSqliteProfileStore(*database);
  }
  void Close() {
    events_.reset();
    profiles_.reset();
  }

  void Add(std::string_view name, int number, int64_t time_ms = 1000) {
    NewEvent event;
    event.name = name;
    event.json = StrCat("{", number, "}");
    event.time_ms = time_ms;
    event.key = HashBytes(StrCat(name, number));
    event.splices = {1, 2, 3, true, false};
    event.endpoint = Endpoint::kTrack;
    ASSERT_TRUE(events_->Add({event}, 5000 + number).ok());
  }
  std::vector<std::string> ReadAll(const EventFilter& filter = {}) {
    std::vector<std::string> texts;
    for (uint64_t after = 0;;) {
      const auto at = events_->Read(after, filter, [&](const StoredEvent& event) {
        texts.emplace_back(event.json);
        return true;
      });
      EXPECT_TRUE(at.ok()) << at.status();
      if (*at == after) return texts;
      after = *at;
    }
  }

  void Apply(std::string_view record, ProfileKind kind = ProfileKind::kUser) {
    std::vector<ProfileUpdate> updates;
    auto update = ProfileUpdate::Parse(record, kind);
    ASSERT_TRUE(update.ok()) << update.status();
    updates.push_back(*std::move(update));
    ASSERT_TRUE(profiles_->Apply(updates).ok());
  }
  std::vector<std::pair<std::string, std::string>> Profiles(const ProfileKey& key = {}) {
    std::vector<std::pair<std::string, std::string>> found;
    EXPECT_TRUE(profiles_
                    ->Read(key,
                           [&](std::string_view id, std::string_view properties) {
                             found.emplace_back(id, properties);
                             return true;
                           })
                    .ok());
    return found;
  }

  std::filesystem::path folder_;
  std::unique_ptr<EventStore> events_;
  std::unique_ptr<ProfileStore> profiles_;
};

INSTANTIATE_TEST_SUITE_P(Stores, StoreTest, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Sqlite" : "Memory"; });

TEST_P(StoreTest, ReturnsEventsInOrder) {
  EXPECT_THAT(ReadAll(), IsEmpty());
  EXPECT_EQ(events_->last_id(), 0u);
  Add("a", 1);
  Add("b", 2);
  Add("a", 1);
  EXPECT_THAT(ReadAll(), ElementsAre("{1}", "{2}", "{1}"));
  EXPECT_EQ(events_->last_id(), 3u);
  const EventTotals totals = events_->totals();
  EXPECT_EQ(totals.stored, 3u);
  EXPECT_EQ(totals.unique, 2u);
  EXPECT_THAT(totals.by_event, ElementsAre(Pair("a", 2), Pair("b", 1)));
}

TEST_P(StoreTest, KeepsAllFields) {
  Add("a", 7, 1234);
  const auto at = events_->Read(0, {}, [](const StoredEvent& event) {
    EXPECT_EQ(event.id, 1u);
    EXPECT_EQ(event.name, "a");
    EXPECT_EQ(event.time_ms, 1234);
    EXPECT_EQ(event.received_ms, 5007);
    EXPECT_EQ(event.splices.time_begin, 1u);
    EXPECT_EQ(event.splices.time_end, 2u);
    EXPECT_EQ(event.splices.properties_end, 3u);
    EXPECT_TRUE(event.splices.has_processing_time);
    EXPECT_FALSE(event.splices.has_import);
    EXPECT_EQ(event.endpoint, Endpoint::kTrack);
    return true;
  });
  EXPECT_EQ(*at, 1u);
}

TEST_P(StoreTest, ResumesWhereAReadStopped) {
  for (int i = 1; i <= 5; ++i) Add("a", i);
  std::vector<uint64_t> seen;
  const auto two = [&](const StoredEvent& event) {
    seen.push_back(event.id);
    return seen.size() % 2 != 0;
  };
  uint64_t after = *events_->Read(0, {}, two);
  EXPECT_EQ(after, 2u);
  after = *events_->Read(after, {}, two);
  EXPECT_EQ(after, 4u);
  after = *events_->Read(after, {}, two);
  EXPECT_EQ(after, 5u);
  EXPECT_EQ(*events_->Read(after, {}, two), 5u);
  EXPECT_EQ(*events_->Read(99, {}, two), 99u);
  EXPECT_THAT(seen, ElementsAre(1, 2, 3, 4, 5));
}

TEST_P(StoreTest, FiltersByTimeAndName) {
  Add("a", 1, 100);
  Add("b", 2, 200);
  Add("a", 3, 300);
  EventFilter filter;
  filter.from_ms = 200;
  EXPECT_THAT(ReadAll(filter), ElementsAre("{2}", "{3}"));
  filter.to_ms = 300;
  EXPECT_THAT(ReadAll(filter), ElementsAre("{2}"));
  filter = {.names = {"a", "c"}};
  EXPECT_THAT(ReadAll(filter), ElementsAre("{1}", "{3}"));
}

TEST_P(StoreTest, ReadsMoreThanOneCallReturns) {
  std::vector<NewEvent> events(3000);
  for (size_t i = 0; i < events.size(); ++i) {
    events[i].name = "a";
    events[i].json = StrCat(i);
    events[i].key = HashBytes(StrCat(i));
  }
  for (int round = 0; round < 10; ++round) ASSERT_TRUE(events_->Add(events, 0).ok());
  EXPECT_EQ(ReadAll().size(), 30'000u);
  EXPECT_EQ(events_->totals().unique, 3000u);
  EXPECT_EQ(ReadAll({.names = {"b"}}).size(), 0u);
}

TEST_P(StoreTest, ClearsEventsAndKeepsCounting) {
  Add("a", 1);
  ASSERT_TRUE(events_->Clear().ok());
  EXPECT_THAT(ReadAll(), IsEmpty());
  EXPECT_EQ(events_->totals().stored, 0u);
  EXPECT_EQ(events_->totals().unique, 0u);
  Add("a", 1);
  EXPECT_EQ(events_->last_id(), 2u);
  EXPECT_EQ(events_->totals().unique, 1u);
  EXPECT_EQ(*events_->Read(0, {}, [](const StoredEvent&) { return true; }), 2u);
}

TEST_P(StoreTest, TakesEventsFromManyThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) Add("a", t * 100 + i);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ReadAll().size(), 200u);
  EXPECT_EQ(events_->totals().unique, 200u);
}

TEST_P(StoreTest, AppliesUpdatesOneAfterTheOther) {
  Apply(R"({"$token":"t","$distinct_id":"b","$set":{"x":1}})");
  Apply(R"({"$token":"t","$distinct_id":"a","$add":{"n":1}})");
  Apply(R"({"$token":"t","$distinct_id":"a","$add":{"n":1}})");
  EXPECT_THAT(Profiles(), ElementsAre(Pair("a", R"({"n":2})"), Pair("b", R"({"x":1})")));
  EXPECT_THAT(Profiles({.id = "b"}), ElementsAre(Pair("b", R"({"x":1})")));
  Apply(R"({"$token":"t","$distinct_id":"b","$delete":""})");
  Apply(R"({"$token":"t","$distinct_id":"nobody","$delete":""})");
  EXPECT_THAT(Profiles(), ElementsAre(Pair("a", R"({"n":2})")));
  EXPECT_EQ(profiles_->Count(ProfileKind::kUser), 1u);
}

TEST_P(StoreTest, KeepsGroupsApart) {
  Apply(R"({"$token":"t","$distinct_id":"acme","$set":{}})");
  Apply(R"({"$token":"t","$group_key":"company","$group_id":"acme","$set":{"c":1}})",
        ProfileKind::kGroup);
  Apply(R"({"$token":"t","$group_key":"team","$group_id":"acme","$set":{"t":1}})",
        ProfileKind::kGroup);
  EXPECT_THAT(Profiles({ProfileKind::kGroup, "company", ""}),
              ElementsAre(Pair("acme", R"({"c":1})")));
  EXPECT_THAT(Profiles(), ElementsAre(Pair("acme", "{}")));
  EXPECT_EQ(profiles_->Count(ProfileKind::kGroup), 2u);
  ASSERT_TRUE(profiles_->Clear().ok());
  EXPECT_EQ(profiles_->Count(ProfileKind::kGroup), 0u);
}

TEST_P(StoreTest, SqliteKeepsEverythingForTheNextProcess) {
  if (!GetParam()) GTEST_SKIP() << "memory does not";
  Add("a", 1);
  Add("a", 1);
  Apply(R"({"$token":"t","$distinct_id":"b","$set":{"x":1}})");
  EXPECT_TRUE(absl::IsUnavailable(SqliteDatabase::Open(folder_).status()));
  Close();
  OpenSqlite();
  EXPECT_THAT(ReadAll(), ElementsAre("{1}", "{1}"));
  EXPECT_EQ(events_->totals().unique, 1u);
  EXPECT_THAT(events_->totals().by_event, ElementsAre(Pair("a", 2)));
  EXPECT_THAT(Profiles(), ElementsAre(Pair("b", R"({"x":1})")));
}

TEST(SqliteDatabase, RejectsFilesThatAreNotDatabases) {
  const auto folder = std::filesystem::path(::testing::TempDir()) / StrCat("no_db_", getpid());
  std::filesystem::create_directories(folder / "sandbox.db");
  EXPECT_FALSE(SqliteDatabase::Open(folder).ok());
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace millrace::sandbox
