// The contract of every ObjectStore (io/object_store.h), as a test suite. Include it in one file of
// a test program and instantiate it:
//
//   INSTANTIATE_TEST_SUITE_P(Local, ObjectStoreContract, testing::Values(&MakeLocalFixture));
#ifndef MILLRACE_IO_TESTING_OBJECT_STORE_CONTRACT_H_
#define MILLRACE_IO_TESTING_OBJECT_STORE_CONTRACT_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "io/object_store.h"
#include "io/table_folder.h"

namespace millrace {

class ObjectStoreFixture {
 public:
  virtual ~ObjectStoreFixture() = default;
  virtual ObjectStore& store() = 0;
  // The uri prefix of an empty place that only this test uses; ends with '/'.
  virtual std::string root() = 0;
  // Whether reads of a version that was replaced fail; else CheckUnchanged() says so.
  virtual bool pins_reads() { return true; }
  // Whether names are paths of a file system: "a//b" is "a/b", "a" and "a/b" do not both exist.
  virtual bool names_are_paths() { return false; }
  // Whether the store keeps what unfinished writers have sent, until RemoveUnfinished().
  virtual bool keeps_unfinished() { return false; }
};

// Returns null, with `why` set, if what it needs is not installed.
using ObjectStoreMaker = std::unique_ptr<ObjectStoreFixture> (*)(std::string& why);

class ObjectStoreContract : public testing::TestWithParam<ObjectStoreMaker> {
 protected:
  void SetUp() override {
    std::string why;
    fixture_ = GetParam()(why);
    if (fixture_ == nullptr) GTEST_SKIP() << why;
  }

  ObjectStore& store() { return fixture_->store(); }
  ObjectStoreFixture& fixture() { return *fixture_; }
  std::string Uri(const std::string& name) { return fixture_->root() + name; }

  void Put(const std::string& name, std::string_view content = "x") {
    auto writer = store().Create(Uri(name));
    ASSERT_TRUE(writer.ok()) << writer.status();
    absl::Status status = (*writer)->Append(content);
    ASSERT_TRUE(status.ok()) << status;
    status = (*writer)->Finish();
    ASSERT_TRUE(status.ok()) << status;
  }

  // Names below the root, in the order listed.
  std::vector<std::string> List(const std::string& pattern, absl::Status* status = nullptr) {
    std::vector<std::string> names;
    const std::string root = fixture_->root();
    const absl::Status listed = store().List(root + pattern, [&](const ObjectInfo& info) {
      EXPECT_EQ(info.uri.substr(0, root.size()), root);
      EXPECT_FALSE(info.version.empty());
      names.push_back(info.uri.substr(root.size()));
      return absl::OkStatus();
    });
    if (status != nullptr) {
      *status = listed;
    } else {
      EXPECT_TRUE(listed.ok() || absl::IsNotFound(listed)) << listed;
    }
    return names;
  }

  ObjectInfo Info(const std::string& name) {
    ObjectInfo found;
    const absl::Status listed = store().List(Uri(name), [&](const ObjectInfo& info) {
      found = info;
      return absl::OkStatus();
    });
    EXPECT_TRUE(listed.ok()) << listed;
    return found;
  }

  static absl::StatusOr<std::string> ReadAll(ObjectReader& reader) {
    std::string text;
    const std::unique_ptr<InputStream> stream = NewObjectStream(reader, 64 << 10);
    std::string block(100'000, '\0');
    for (;;) {
      ASSIGN_OR_RETURN(const size_t size, stream->Read(absl::MakeSpan(block)));
      if (size == 0) return text;
      text.append(block, 0, size);
    }
  }

  std::string Content(const std::string& name) {
    auto reader = store().Open(Info(name));
    EXPECT_TRUE(reader.ok()) << reader.status();
    if (!reader.ok()) return "";
    const absl::StatusOr<std::string> text = ReadAll(**reader);
    EXPECT_TRUE(text.ok()) << text.status();
    const absl::Status unchanged = (*reader)->CheckUnchanged();
    EXPECT_TRUE(unchanged.ok()) << unchanged;
    return text.value_or("");
  }

  static bool IsGone(const absl::Status& status) {
    return absl::IsNotFound(status) || absl::IsFailedPrecondition(status);
  }

  // `size` bytes that differ everywhere from those of another seed.
  static std::string Bytes(size_t size, uint64_t seed) {
    std::string bytes(size, '\0');
    for (size_t i = 0; i < size; ++i) {
      bytes[i] = static_cast<char>('a' + (i / 7 + i * i % 13 + seed) % 26);
    }
    return bytes;
  }

 private:
  std::unique_ptr<ObjectStoreFixture> fixture_;
};

TEST_P(ObjectStoreContract, ListsObjectsFoldersAndGlobsInByteOrder) {
  for (const char* name : {"b/2.csv", "b/1.csv", "b-c.csv", "b.csv", "b/x/3.csv", "a/1.ndjson"}) {
    Put(name);
  }
  using testing::ElementsAre;
  EXPECT_THAT(List("b.csv"), ElementsAre("b.csv"));
  // '-' and '.' come before '/'.
  EXPECT_THAT(List(""),
              ElementsAre("a/1.ndjson", "b-c.csv", "b.csv", "b/1.csv", "b/2.csv", "b/x/3.csv"));
  EXPECT_THAT(List("b/"), ElementsAre("b/1.csv", "b/2.csv", "b/x/3.csv"));
  EXPECT_THAT(List("b"), ElementsAre("b/1.csv", "b/2.csv", "b/x/3.csv"));
  EXPECT_THAT(List("*.csv"), ElementsAre("b-c.csv", "b.csv"));
  EXPECT_THAT(List("b/*.csv"), ElementsAre("b/1.csv", "b/2.csv"));
  EXPECT_THAT(List("**/*.csv"), ElementsAre("b-c.csv", "b.csv", "b/1.csv", "b/2.csv", "b/x/3.csv"));
  EXPECT_THAT(List("**.ndjson"), ElementsAre("a/1.ndjson"));
  EXPECT_THAT(List("*/**/[13].*"), ElementsAre("a/1.ndjson", "b/1.csv", "b/x/3.csv"));
}

TEST_P(ObjectStoreContract, LeavesHiddenObjectsOutUnlessNamed) {
  for (const char* name :
       {"a.csv", ".a.csv", "_SUCCESS", "_tmp/b.csv", ".git/c.csv", "d/.e/f.csv", "e/g.csv"}) {
    Put(name);
  }
  using testing::ElementsAre;
  EXPECT_THAT(List(""), ElementsAre("a.csv", "e/g.csv"));
  EXPECT_THAT(List("**/*"), ElementsAre("a.csv", "e/g.csv"));
  EXPECT_THAT(List("_*/*"), ElementsAre("_tmp/b.csv"));
  EXPECT_THAT(List(".a.csv"), ElementsAre(".a.csv"));
  EXPECT_THAT(List("_tmp"), ElementsAre("_tmp/b.csv"));
}

TEST_P(ObjectStoreContract, ReadsPartitionsWhoseNamesBeginWithAnUnderscore) {
  for (const char* name : {"t/_day=2024-01-01/a.csv", "t/_day=2024-01-01/_h=1/b.csv",
                           "t/.x=1/c.csv", "t/_=1/d.csv", "t/_file=1.csv", "t/day=2/e.csv"}) {
    Put(name);
  }
  using testing::ElementsAre;
  const auto read =
      ElementsAre("t/_day=2024-01-01/_h=1/b.csv", "t/_day=2024-01-01/a.csv", "t/day=2/e.csv");
  EXPECT_THAT(List("t"), read);
  EXPECT_THAT(List("t/**/*.csv"), read);
  EXPECT_THAT(List("t/*/*.csv"), ElementsAre("t/_day=2024-01-01/a.csv", "t/day=2/e.csv"));
}

TEST_P(ObjectStoreContract, ReportsHiddenNamesOnce) {
  for (const char* name : {"a.csv", "_SUCCESS", "_tmp/b.csv", "_tmp/c/d.csv", "d/.e/f.csv",
                           "d/.e/g.csv", "d/h.csv", "d/_i.csv", "d/_i.txt"}) {
    Put(name);
  }
  const std::string root = fixture().root();
  const auto hidden = [&](const std::string& pattern) {
    std::vector<std::string> names;
    const absl::Status listed = store().List(
        root + pattern, [](const ObjectInfo&) { return absl::OkStatus(); },
        [&](std::string_view uri) {
          EXPECT_EQ(uri.substr(0, root.size()), root);
          names.emplace_back(uri.substr(root.size()));
          return absl::OkStatus();
        });
    EXPECT_TRUE(listed.ok()) << listed;
    std::sort(names.begin(), names.end());
    return names;
  };
  using testing::ElementsAre;
  EXPECT_THAT(hidden(""), ElementsAre("_SUCCESS", "_tmp/", "d/.e/", "d/_i.csv", "d/_i.txt"));
  EXPECT_THAT(hidden("d/*.csv"), ElementsAre("d/_i.csv"));
  EXPECT_THAT(hidden("**/*.csv"), ElementsAre("_tmp/", "d/.e/", "d/_i.csv"));
  EXPECT_THAT(hidden("_tmp/b.csv"), ElementsAre());
  const absl::Status stopped = store().List(
      root, [](const ObjectInfo&) { return absl::OkStatus(); },
      [](std::string_view) { return absl::InvalidArgumentError("enough"); });
  EXPECT_EQ(stopped, absl::InvalidArgumentError("enough"));
}

TEST_P(ObjectStoreContract, TablesAreRefused) {
  Put("d/part-0.csv");
  Put("d/_delta_log/00000000000000000000.json");
  Put("i/data/a.parquet");
  Put("i/metadata/v1.metadata.json");
  Put("f/a.csv");
  for (const char* input : {"d", "d/", "d/*.csv"}) {
    const absl::Status refused = RefuseTableFolder(store(), Uri(input));
    EXPECT_TRUE(absl::IsInvalidArgument(refused)) << input;
    EXPECT_THAT(std::string(refused.message()),
                testing::HasSubstr(Uri("d") + " is a Delta table: its files hold deleted rows"));
  }
  EXPECT_TRUE(absl::IsInvalidArgument(RefuseTableFolder(store(), Uri("i"))));
  EXPECT_TRUE(absl::IsInvalidArgument(RefuseTableFolder(store(), Uri("i/data"))));
  for (const char* input : {"*/*.csv", "*/data/*.parquet", "**/*.parquet"}) {
    TableGuard guard(store(), Uri(input), /*as_files=*/false);
    EXPECT_TRUE(absl::IsInvalidArgument(store().List(Uri(input), [&](const ObjectInfo& object) {
      return guard.OnObject(object);
    }))) << input;
  }
  EXPECT_TRUE(RefuseTableFolder(store(), Uri("f")).ok());
  EXPECT_TRUE(RefuseTableFolder(store(), Uri("f/a.csv")).ok());
  EXPECT_TRUE(RefuseTableFolder(store(), Uri("d/part-0.csv")).ok());
}

TEST_P(ObjectStoreContract, NamesMayHoldAnyCharacter) {
  Put("data[1].csv", "wild");
  Put("data1.csv", "plain");
  const std::string odd = "a b%2F+c&d=e#f~g'h(i)é日.csv";
  Put(odd, "odd");
  EXPECT_THAT(List("data[1].csv"), testing::ElementsAre("data[1].csv"));
  EXPECT_THAT(List("data[12].csv"), testing::ElementsAre("data1.csv"));
  EXPECT_EQ(Content("data[1].csv"), "wild");
  EXPECT_THAT(List("a*"), testing::ElementsAre(odd));
  EXPECT_EQ(Content(odd), "odd");
}

TEST_P(ObjectStoreContract, FoldersMayHoldWildcardsInTheirNames) {
  Put("d[1]/x", "bracket");
  Put("d[1]/y[2]/z");
  Put("d1/x", "plain");
  using testing::ElementsAre;
  EXPECT_THAT(List("d[1]"), ElementsAre("d[1]/x", "d[1]/y[2]/z"));
  EXPECT_THAT(List("d[1]/"), ElementsAre("d[1]/x", "d[1]/y[2]/z"));
  EXPECT_THAT(List("d[1]/y[2]"), ElementsAre("d[1]/y[2]/z"));
  EXPECT_EQ(Content("d[1]/x"), "bracket");
  // What does not exist is a glob.
  EXPECT_THAT(List("d[1]/*"), ElementsAre("d1/x"));
  EXPECT_THAT(List("d[[]1]/*"), ElementsAre("d[1]/x"));
  EXPECT_THAT(List("d[12]/x"), ElementsAre("d1/x"));
}

TEST_P(ObjectStoreContract, FindsOneObjectByItsName) {
  for (const char* name : {"a", "a[1]", "a*", "f/x y+z%2F#?.csv", "f.csv"}) {
    Put(name, name);
    const ObjectInfo listed = Info(name);
    const absl::StatusOr<ObjectInfo> found = store().Find(Uri(name));
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(found->uri, Uri(name));
    EXPECT_EQ(found->size, std::string_view(name).size());
    EXPECT_EQ(found->version, listed.version);
  }
  for (const char* name : {"f", "f/", "?", "a/b", "missing", "a[12]", ""}) {
    const absl::StatusOr<ObjectInfo> found = store().Find(Uri(name));
    EXPECT_TRUE(absl::IsNotFound(found.status())) << name << ": " << found.status();
  }
}

TEST_P(ObjectStoreContract, NamesNeedNotBePaths) {
  if (fixture().names_are_paths()) GTEST_SKIP() << "they are here";
  const std::vector<std::string> names = {"/lead", "a//b", "a/./c", "a/../c", "x/..", "end/."};
  for (const std::string& name : names) {
    Put(name, name);
    const absl::StatusOr<ObjectInfo> found = store().Find(Uri(name));
    ASSERT_TRUE(found.ok()) << name << ": " << found.status();
    EXPECT_EQ(Content(name), name);
  }
  EXPECT_THAT(List("a/"), testing::ElementsAre("a//b"));  // the others are hidden
  for (const std::string& name : names) {
    EXPECT_TRUE(store().Remove(Uri(name)).ok());
    EXPECT_TRUE(absl::IsNotFound(store().Find(Uri(name)).status())) << name;
  }
}

// Some tools create an empty object to represent a folder.
TEST_P(ObjectStoreContract, AnEmptyObjectOfAFoldersNameStandsForTheFolder) {
  if (fixture().names_are_paths()) GTEST_SKIP() << "a folder's name is free of objects here";
  using testing::ElementsAre;
  Put("mk", "");
  EXPECT_THAT(List("mk"), ElementsAre("mk"));
  Put("mk/a");
  EXPECT_THAT(List("mk"), ElementsAre("mk/a"));
  EXPECT_THAT(List("mk/"), ElementsAre("mk/a"));
  EXPECT_EQ(store().Find(Uri("mk"))->size, 0);
  Put("mk", "not empty");
  EXPECT_THAT(List("mk"), ElementsAre("mk"));
  Put("old_$folder$", "");
  EXPECT_THAT(List(""), ElementsAre("mk", "mk/a"));
}

TEST_P(ObjectStoreContract, SaysWhenNothingMatches) {
  Put("ab.csv");
  for (const char* pattern : {"*.parquet", "a.csv", "a", "missing/*.csv", "missing/"}) {
    absl::Status status;
    EXPECT_TRUE(List(pattern, &status).empty());
    EXPECT_TRUE(absl::IsNotFound(status)) << status;
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr(fixture().root()));
  }
}

TEST_P(ObjectStoreContract, TheVisitorMayEndTheListing) {
  Put("a.csv");
  Put("b.csv");
  int visits = 0;
  const absl::Status status = store().List(fixture().root(), [&](const ObjectInfo&) {
    ++visits;
    return absl::CancelledError("enough");
  });
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
  EXPECT_EQ(visits, 1);
}

TEST_P(ObjectStoreContract, ReadsAtAnyOffset) {
  Put("a", "0123456789");
  const ObjectInfo info = Info("a");
  EXPECT_EQ(info.size, 10);
  auto reader = store().Open(info);
  ASSERT_TRUE(reader.ok()) << reader.status();
  std::string buffer(4, '\0');
  EXPECT_EQ(*(*reader)->ReadAt(3, absl::MakeSpan(buffer)), 4);
  EXPECT_EQ(buffer, "3456");
  EXPECT_EQ(*(*reader)->ReadAt(8, absl::MakeSpan(buffer)), 2);
  EXPECT_EQ(buffer.substr(0, 2), "89");
  EXPECT_EQ(*(*reader)->ReadAt(10, absl::MakeSpan(buffer)), 0);
  EXPECT_EQ(*(*reader)->ReadAt(1000, absl::MakeSpan(buffer)), 0);
  EXPECT_EQ((*reader)->info().uri, info.uri);
}

TEST_P(ObjectStoreContract, WritesAndReadsObjectsOfEverySize) {
  for (const size_t size : {0, 1, 1000, 3 << 20, 21'000'001}) {
    const std::string bytes = Bytes(size, size);
    auto writer = store().Create(Uri("deep/er/object"));
    ASSERT_TRUE(writer.ok()) << writer.status();
    for (size_t at = 0; at < size; at += 700'001) {
      const absl::Status status = (*writer)->Append(std::string_view(bytes).substr(at, 700'001));
      ASSERT_TRUE(status.ok()) << status;
    }
    const absl::Status status = (*writer)->Finish();
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(Info("deep/er/object").size, size);
    EXPECT_TRUE(Content("deep/er/object") == bytes) << size;
  }
}

TEST_P(ObjectStoreContract, WhatIsNotFinishedIsNotThere) {
  Put("kept", "old");
  for (const size_t size : {0, 100, 21'000'000}) {
    auto gone = store().Create(Uri("new/folder/gone"));
    ASSERT_TRUE(gone.ok()) << gone.status();
    EXPECT_TRUE((*gone)->Append(Bytes(size, 1)).ok());
    auto kept = store().Create(Uri("kept"));
    ASSERT_TRUE(kept.ok()) << kept.status();
    EXPECT_TRUE((*kept)->Append(Bytes(size, 2)).ok());
    EXPECT_THAT(List(""), testing::ElementsAre("kept"));
  }
  EXPECT_THAT(List(""), testing::ElementsAre("kept"));
  EXPECT_EQ(Content("kept"), "old");
}

TEST_P(ObjectStoreContract, UnfinishedWritersAreRemovedIfTheyAreMeant) {
  const std::string bytes = Bytes(21'000'000, 1);
  std::vector<std::unique_ptr<ObjectWriter>> writers;
  for (const char* name : {"d[1]/gone", "d[1]/gone", "d[1]/kept", "d1/gone", "d[1]2/gone"}) {
    auto writer = store().Create(Uri(name));
    ASSERT_TRUE(writer.ok()) << writer.status();
    ASSERT_TRUE((*writer)->Append(bytes).ok());
    writers.push_back(*std::move(writer));
  }
  std::vector<std::string> names;
  const auto removed = store().RemoveUnfinished(Uri("d[1]/"), [&](std::string_view uri) {
    names.emplace_back(uri);
    return uri == Uri("d[1]/gone");
  });
  ASSERT_TRUE(removed.ok()) << removed.status();
  const bool keeps = fixture().keeps_unfinished();
  EXPECT_EQ(*removed, keeps ? 2 : 0);
  if (keeps) {
    EXPECT_THAT(
        names, testing::UnorderedElementsAre(Uri("d[1]/gone"), Uri("d[1]/gone"), Uri("d[1]/kept")));
    EXPECT_EQ(*store().RemoveUnfinished(Uri("d[1]/"), [](std::string_view) { return false; }), 0);
  }
  for (size_t i = 0; i < writers.size(); ++i) {
    const absl::Status finished = writers[i]->Finish();
    EXPECT_EQ(finished.ok(), !keeps || i >= 2) << i << ": " << finished;
  }
  writers.clear();
  EXPECT_EQ(*store().RemoveUnfinished(fixture().root(), [](std::string_view) { return true; }), 0);
  EXPECT_TRUE(Content("d[1]/kept") == bytes);
}

TEST_P(ObjectStoreContract, AReplacedObjectIsAnotherVersion) {
  Put("a", "one");
  const ObjectInfo before = Info("a");
  Put("a", "two!");
  const ObjectInfo after = Info("a");
  EXPECT_EQ(before.uri, after.uri);
  EXPECT_NE(before.version, after.version);
  EXPECT_EQ(Content("a"), "two!");
  const absl::Status opened = store().Open(before).status();
  EXPECT_TRUE(IsGone(opened)) << opened;
  EXPECT_THAT(std::string(opened.message()), testing::HasSubstr(before.uri));
}

TEST_P(ObjectStoreContract, RemovedObjectsAreGone) {
  Put("a/b");
  Put("a/c");
  const ObjectInfo before = Info("a/b");
  ASSERT_TRUE(store().Remove(Uri("a/b")).ok());
  EXPECT_THAT(List(""), testing::ElementsAre("a/c"));
  const absl::Status opened = store().Open(before).status();
  EXPECT_TRUE(IsGone(opened)) << opened;
  EXPECT_TRUE(store().Remove(Uri("a/b")).ok());  // nothing has that name
}

// A mixture of two versions is never accepted as one.
TEST_P(ObjectStoreContract, AChangeWhileReadingIsNoticed) {
  const std::string old = Bytes(40'000'000, 1);
  for (const bool removed : {false, true}) {
    Put("a", old);
    auto reader = store().Open(Info("a"));
    ASSERT_TRUE(reader.ok()) << reader.status();
    std::string head(1000, '\0');
    ASSERT_EQ(*(*reader)->ReadAt(0, absl::MakeSpan(head)), 1000);
    EXPECT_TRUE(head == old.substr(0, 1000));
    if (removed) {
      ASSERT_TRUE(store().Remove(Uri("a")).ok());
    } else {
      Put("a", Bytes(old.size(), 2));
    }
    const absl::StatusOr<std::string> text = ReadAll(**reader);
    if (fixture().pins_reads()) {
      ASSERT_FALSE(text.ok());
    } else if (text.ok()) {
      EXPECT_TRUE(absl::IsFailedPrecondition((*reader)->CheckUnchanged()));
      continue;
    }
    EXPECT_TRUE(IsGone(text.status())) << text.status();
    EXPECT_THAT(std::string(text.status().message()), testing::HasSubstr(Uri("a")));
  }
}

TEST_P(ObjectStoreContract, AMovedObjectHasOnlyItsNewName) {
  Put("a/from", "moved");
  Put("a/other");
  const ObjectInfo before = Info("a/from");
  const absl::Status moved = store().Move(Uri("a/from"), Uri("deep/er/to"));
  ASSERT_TRUE(moved.ok()) << moved;
  EXPECT_THAT(List(""), testing::ElementsAre("a/other", "deep/er/to"));
  EXPECT_EQ(Content("deep/er/to"), "moved");
  EXPECT_TRUE(IsGone(store().Open(before).status()));
  // As after a call whose result was lost.
  const absl::Status again = store().Move(Uri("a/from"), Uri("deep/er/to"));
  EXPECT_TRUE(absl::IsNotFound(again)) << again;
  EXPECT_THAT(std::string(again.message()), testing::HasSubstr(Uri("a/from")));
  EXPECT_EQ(Content("deep/er/to"), "moved");
}

TEST_P(ObjectStoreContract, AMoveReplacesTheObjectOfThatName) {
  Put("from", "new");
  Put("to", "old content");
  const ObjectInfo before = Info("to");
  const absl::Status moved = store().Move(Uri("from"), Uri("to"));
  ASSERT_TRUE(moved.ok()) << moved;
  EXPECT_THAT(List(""), testing::ElementsAre("to"));
  EXPECT_EQ(Content("to"), "new");
  EXPECT_NE(Info("to").version, before.version);
}

TEST_P(ObjectStoreContract, AMoveOfAMissingObjectChangesNothing) {
  Put("to", "old");
  for (const char* to : {"to", "new/folder/to"}) {
    const absl::Status moved = store().Move(Uri("missing"), Uri(to));
    EXPECT_TRUE(absl::IsNotFound(moved)) << moved;
    EXPECT_THAT(std::string(moved.message()), testing::HasSubstr(Uri("missing")));
  }
  EXPECT_THAT(List(""), testing::ElementsAre("to"));
  EXPECT_EQ(Content("to"), "old");
}

TEST_P(ObjectStoreContract, AMoveToTheSameNameKeepsTheObject) {
  Put("a", "kept");
  const absl::Status moved = store().Move(Uri("a"), Uri("a"));
  EXPECT_TRUE(moved.ok()) << moved;
  EXPECT_EQ(Content("a"), "kept");
  EXPECT_TRUE(absl::IsNotFound(store().Move(Uri("missing"), Uri("missing"))));
}

TEST_P(ObjectStoreContract, MovesNamesWithAnyCharacter) {
  const std::vector<std::string> names = {"plain", "a b%2F+c&d=e#f~g'h(i)é日.csv",
                                          "d[1]/q?x=y*.csv", ".hidden/_t/100% \"x\" ü", "back"};
  Put(names[0], "odd");
  for (size_t i = 1; i < names.size(); ++i) {
    const absl::Status moved = store().Move(Uri(names[i - 1]), Uri(names[i]));
    ASSERT_TRUE(moved.ok()) << names[i] << ": " << moved;
    EXPECT_TRUE(absl::IsNotFound(store().Find(Uri(names[i - 1])).status())) << names[i - 1];
    EXPECT_EQ(Content(names[i]), "odd") << names[i];
  }
}

TEST_P(ObjectStoreContract, MovesObjectsOfEverySize) {
  for (const size_t size : {0, 1, 21'000'001}) {
    const std::string bytes = Bytes(size, size);
    Put("from", bytes);
    const absl::Status moved = store().Move(Uri("from"), Uri("to"));
    ASSERT_TRUE(moved.ok()) << moved;
    EXPECT_EQ(Info("to").size, size);
    EXPECT_TRUE(Content("to") == bytes) << size;
  }
}

TEST_P(ObjectStoreContract, AnObjectIsCreatedOnlyIfThereIsNone) {
  const std::string name = "new/.hidden folder/é?.json";
  const absl::Status created = store().CreateIfAbsent(Uri(name), "first");
  ASSERT_TRUE(created.ok()) << created;
  EXPECT_EQ(Content(name), "first");
  const ObjectInfo before = Info(name);
  for (const char* content : {"second", "first", ""}) {
    const absl::Status again = store().CreateIfAbsent(Uri(name), content);
    EXPECT_TRUE(absl::IsAlreadyExists(again)) << again;
    EXPECT_THAT(std::string(again.message()), testing::HasSubstr(Uri(name)));
  }
  EXPECT_EQ(Info(name).version, before.version);
  EXPECT_EQ(Content(name), "first");
  Put("written", "old");
  EXPECT_TRUE(absl::IsAlreadyExists(store().CreateIfAbsent(Uri("written"), "new")));
  EXPECT_EQ(Content("written"), "old");
  ASSERT_TRUE(store().Remove(Uri(name)).ok());
  EXPECT_TRUE(store().CreateIfAbsent(Uri(name), "").ok());
  EXPECT_EQ(Content(name), "");
}

TEST_P(ObjectStoreContract, OneOfSeveralCreatorsSucceeds) {
  constexpr int kCreators = 8;
  for (int round = 0; round < 5; ++round) {
    const std::string uri = Uri(StrCat("round ", round, "/object"));
    std::vector<absl::Status> results(kCreators);
    std::vector<std::string> contents;
    for (int i = 0; i < kCreators; ++i) contents.push_back(Bytes(10'000 + i, i));
    std::latch start(kCreators);
    {
      std::vector<std::jthread> creators;
      for (int i = 0; i < kCreators; ++i) {
        creators.emplace_back([&, i] {
          start.arrive_and_wait();
          results[i] = store().CreateIfAbsent(uri, contents[i]);
        });
      }
    }
    std::vector<std::string> created;
    for (int i = 0; i < kCreators; ++i) {
      if (results[i].ok()) {
        created.push_back(contents[i]);
      } else {
        EXPECT_TRUE(absl::IsAlreadyExists(results[i])) << results[i];
      }
    }
    ASSERT_EQ(created.size(), 1);
    EXPECT_TRUE(Content(StrCat("round ", round, "/object")) == created[0]);
  }
}

TEST_P(ObjectStoreContract, FoldersAreNotObjects) {
  Put("f/a");
  EXPECT_TRUE(absl::IsInvalidArgument(store().Create(Uri("f/")).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(store().Remove(Uri("f/"))));
  EXPECT_TRUE(absl::IsInvalidArgument(store().Move(Uri("f/"), Uri("g"))));
  EXPECT_TRUE(absl::IsInvalidArgument(store().Move(Uri("f/a"), Uri("f/"))));
  EXPECT_TRUE(absl::IsInvalidArgument(store().CreateIfAbsent(Uri("f/"), "x")));
  EXPECT_THAT(List(""), testing::ElementsAre("f/a"));
}

}  // namespace millrace

#endif  // MILLRACE_IO_TESTING_OBJECT_STORE_CONTRACT_H_
