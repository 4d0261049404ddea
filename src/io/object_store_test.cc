#include "io/object_store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class LocalObjectStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "millrace-store-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = fs::canonical(pattern).string();
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

  void Write(const std::string& name, const std::string& content = "x") {
    fs::create_directories(fs::path(Path(name)).parent_path());
    std::ofstream(Path(name)) << content;
  }

  // The uris below the test's folder that `pattern` lists.
  std::vector<std::string> List(const std::string& pattern, absl::Status* status = nullptr) {
    std::vector<std::string> names;
    const absl::Status listed = store_->List(pattern, [&](const ObjectInfo& info) {
      EXPECT_EQ(info.uri.substr(0, folder_.size() + 1), folder_ + "/");
      names.push_back(info.uri.substr(folder_.size() + 1));
      return absl::OkStatus();
    });
    if (status != nullptr) {
      *status = listed;
    } else {
      EXPECT_TRUE(listed.ok()) << listed;
    }
    return names;
  }

  ObjectInfo Info(const std::string& name) {
    ObjectInfo found;
    EXPECT_TRUE(store_
                    ->List(Path(name),
                           [&](const ObjectInfo& info) {
                             found = info;
                             return absl::OkStatus();
                           })
                    .ok());
    return found;
  }

  std::string folder_;
  std::unique_ptr<ObjectStore> store_ = NewLocalObjectStore();
};

TEST_F(LocalObjectStoreTest, ListsFilesFoldersAndGlobsInByteOrder) {
  for (const char* name : {"b/2.csv", "b/1.csv", "b-c.csv", "b.csv", "b/x/3.csv", "a/1.ndjson"}) {
    Write(name);
  }
  EXPECT_THAT(List(Path("b.csv")), ElementsAre("b.csv"));
  // '-' and '.' come before '/'.
  EXPECT_THAT(List(folder_),
              ElementsAre("a/1.ndjson", "b-c.csv", "b.csv", "b/1.csv", "b/2.csv", "b/x/3.csv"));
  EXPECT_THAT(List(Path("b/")), ElementsAre("b/1.csv", "b/2.csv", "b/x/3.csv"));
  EXPECT_THAT(List(Path("*.csv")), ElementsAre("b-c.csv", "b.csv"));
  EXPECT_THAT(List(Path("b/*.csv")), ElementsAre("b/1.csv", "b/2.csv"));
  EXPECT_THAT(List(Path("**/*.csv")),
              ElementsAre("b-c.csv", "b.csv", "b/1.csv", "b/2.csv", "b/x/3.csv"));
  EXPECT_THAT(List(Path("**.ndjson")), ElementsAre("a/1.ndjson"));
  EXPECT_THAT(List(Path("*/**/[13].*")), ElementsAre("a/1.ndjson", "b/1.csv", "b/x/3.csv"));
  EXPECT_THAT(List("file://" + Path("b/*.csv")), ElementsAre("b/1.csv", "b/2.csv"));
}

TEST_F(LocalObjectStoreTest, LeavesHiddenFilesOutUnlessNamed) {
  for (const char* name :
       {"a.csv", ".a.csv", "_SUCCESS", "_tmp/b.csv", ".git/c.csv", "d/.e/f.csv"}) {
    Write(name);
  }
  EXPECT_THAT(List(folder_), ElementsAre("a.csv"));
  EXPECT_THAT(List(Path("**/*")), ElementsAre("a.csv"));
  EXPECT_THAT(List(Path("_*/*")), ElementsAre("_tmp/b.csv"));
  EXPECT_THAT(List(Path(".a.csv")), ElementsAre(".a.csv"));
  EXPECT_THAT(List(Path("_tmp")), ElementsAre("_tmp/b.csv"));
}

TEST_F(LocalObjectStoreTest, ANameThatExistsIsThatObject) {
  Write("data[1].csv");
  Write("data1.csv");
  EXPECT_THAT(List(Path("data[1].csv")), ElementsAre("data[1].csv"));
  EXPECT_THAT(List(Path("data[12].csv")), ElementsAre("data1.csv"));
  Write("a b%c.csv");
  EXPECT_THAT(List("file://" + Path("a%20b%25c.csv")), ElementsAre("a b%c.csv"));
}

TEST_F(LocalObjectStoreTest, OneFileHasOneUri) {
  Write("real/a.csv");
  fs::create_directory_symlink("real", Path("link"));
  fs::create_symlink("real/a.csv", Path("a-link.csv"));
  EXPECT_THAT(List(Path("link/a.csv")), ElementsAre("real/a.csv"));
  EXPECT_THAT(List(Path("link")), ElementsAre("real/a.csv"));
  EXPECT_THAT(List(Path("link/*.csv")), ElementsAre("real/a.csv"));
  EXPECT_THAT(List(Path("real/../real//./a.csv")), ElementsAre("real/a.csv"));
  EXPECT_THAT(List(Path("a-link.csv")), ElementsAre("a-link.csv"));  // the name that was given
  const fs::path before = fs::current_path();
  fs::current_path(folder_);
  EXPECT_THAT(List("real/a.csv"), ElementsAre("real/a.csv"));
  EXPECT_THAT(List("*.csv"), ElementsAre("a-link.csv"));
  EXPECT_THAT(List("."), ElementsAre("a-link.csv", "link/a.csv", "real/a.csv"));
  fs::current_path(before);
}

TEST_F(LocalObjectStoreTest, LinksThatLeadBackEndTheWalk) {
  Write("a/b/1.csv");
  fs::create_directory_symlink("..", Path("a/b/up"));
  fs::create_directory_symlink(".", Path("a/self"));
  fs::create_symlink("nowhere", Path("a/dangling"));
  fs::create_symlink("loop", Path("a/loop"));
  EXPECT_THAT(List(folder_), ElementsAre("a/b/1.csv"));
}

TEST_F(LocalObjectStoreTest, SaysWhenNothingMatches) {
  Write("a.csv");
  absl::Status status;
  List(Path("*.parquet"), &status);
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("*.parquet"));
  List(Path("b.csv"), &status);
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  List(Path("missing/*.csv"), &status);
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  fs::create_directory(Path("empty"));
  List(Path("empty"), &status);
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  List("", &status);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  ASSERT_EQ(::mkfifo(Path("fifo").c_str(), 0600), 0);
  List(Path("fifo"), &status);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  List("file://host/a.csv", &status);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(LocalObjectStoreTest, TheVisitorMayEndTheListing) {
  Write("a.csv");
  Write("b.csv");
  int visits = 0;
  const absl::Status status = store_->List(folder_, [&](const ObjectInfo&) {
    ++visits;
    return absl::CancelledError("enough");
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(visits, 1);
}

TEST_F(LocalObjectStoreTest, ReadsAtAnyOffset) {
  Write("a", "0123456789");
  const ObjectInfo info = Info("a");
  EXPECT_EQ(info.size, 10);
  EXPECT_EQ(info.version.substr(0, 3), "10-");
  auto reader = store_->Open(info);
  ASSERT_TRUE(reader.ok()) << reader.status();
  std::string buffer(4, '\0');
  EXPECT_EQ(*(*reader)->ReadAt(3, absl::MakeSpan(buffer)), 4);
  EXPECT_EQ(buffer, "3456");
  EXPECT_EQ(*(*reader)->ReadAt(8, absl::MakeSpan(buffer)), 2);
  EXPECT_EQ(*(*reader)->ReadAt(10, absl::MakeSpan(buffer)), 0);
  EXPECT_TRUE((*reader)->CheckUnchanged().ok());
}

TEST_F(LocalObjectStoreTest, NoticesChangedAndRemovedObjects) {
  Write("a", "one");
  const ObjectInfo info = Info("a");
  auto reader = store_->Open(info);
  ASSERT_TRUE(reader.ok());
  Write("a", "longer");
  EXPECT_EQ((*reader)->CheckUnchanged().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_->Open(info).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(Info("a").version, info.version);
  fs::remove(Path("a"));
  EXPECT_EQ((*reader)->CheckUnchanged().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_->Open(info).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(LocalObjectStoreTest, StreamsFromAnyOffset) {
  std::string content;
  for (int i = 0; i < 20'000; ++i) content += std::to_string(i);
  Write("a", content);
  auto reader = store_->Open(Info("a"));
  ASSERT_TRUE(reader.ok());
  std::mt19937 random(1);
  for (const uint64_t offset : {uint64_t{0}, uint64_t{1}, uint64_t{77'777}, content.size()}) {
    for (const size_t block : {1, 10, 4096, 1 << 20}) {
      const auto stream = NewObjectStream(**reader, block, offset);
      std::string text;
      std::string buffer;
      uint64_t place = offset;
      for (;;) {
        if (random() % 4 == 0 && place + 50 < content.size()) {
          ASSERT_TRUE(stream->Skip(50).ok());
          text.append(content, place, 50);
          place += 50;
        }
        buffer.resize(1 + random() % 9000);
        const auto size = stream->Read(absl::MakeSpan(buffer));
        ASSERT_TRUE(size.ok());
        if (*size == 0) break;
        text.append(buffer, 0, *size);
        place += *size;
        ASSERT_EQ(stream->raw_bytes(), place);
      }
      ASSERT_EQ(text, content.substr(offset));
      EXPECT_EQ(stream->Skip(1).code(), absl::StatusCode::kOutOfRange);
    }
  }
}

TEST_F(LocalObjectStoreTest, AStreamOfAnObjectThatWasCutSaysSo) {
  Write("a", std::string(100, 'x'));
  auto reader = store_->Open(Info("a"));
  ASSERT_TRUE(reader.ok());
  fs::resize_file(Path("a"), 40);
  const auto stream = NewObjectStream(**reader);
  std::string buffer(60, '\0');
  EXPECT_EQ(*stream->Read(absl::MakeSpan(buffer)), 40);
  EXPECT_EQ(stream->Read(absl::MakeSpan(buffer)).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(GlobMatchesTest, MatchesByTheRules) {
  const auto matches = [](const char* pattern, const char* path) {
    return GlobMatches(pattern, path);
  };
  EXPECT_TRUE(matches("gs://b/k.csv", "gs://b/k.csv"));
  EXPECT_TRUE(matches("gs://b/*.csv", "gs://b/k.csv"));
  EXPECT_FALSE(matches("gs://b/*.csv", "gs://b/d/k.csv"));
  EXPECT_TRUE(matches("gs://b/**/*.csv", "gs://b/k.csv"));
  EXPECT_TRUE(matches("gs://b/**/*.csv", "gs://b/d/e/k.csv"));
  EXPECT_TRUE(matches("gs://b/**.csv", "gs://b/d/e/k.csv"));
  EXPECT_TRUE(matches("gs://b/**", "gs://b/d/e/k.csv"));
  EXPECT_TRUE(matches("a/**/b/**/c", "a/x/b/y/b/c"));
  EXPECT_FALSE(matches("a/**/b/**/c", "a/x/y/c"));
  EXPECT_TRUE(matches("a?c", "abc"));
  EXPECT_FALSE(matches("a?c", "a/c"));
  EXPECT_FALSE(matches("a?c", "ac"));
  EXPECT_TRUE(matches("[a-c][!x]*", "bz1"));
  EXPECT_FALSE(matches("[a-c][!x]*", "bx1"));
  EXPECT_FALSE(matches("[a-c]", "d"));
  EXPECT_TRUE(matches("[-a]", "-"));
  EXPECT_TRUE(matches("[]]", "]"));
  EXPECT_TRUE(matches("a[b", "a[b"));
  EXPECT_TRUE(matches("*a*b*", "xxaxxabxx"));
  EXPECT_FALSE(matches("*a*b*", "xxbxxaxx"));
  EXPECT_FALSE(matches("*", ".hidden"));
  EXPECT_FALSE(matches("?hidden", "_hidden"));
  EXPECT_TRUE(matches(".*", ".hidden"));
  EXPECT_FALSE(matches("**", "a/.b/c"));
  EXPECT_TRUE(matches("a*", "a.b_c"));
}

TEST(GlobMatchesTest, HostilePatternsCostLittle) {
  const std::string text(2000, 'a');
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "a*";
  EXPECT_FALSE(GlobMatches(pattern + "b", text));
  std::string deep;
  std::string stars;
  for (int i = 0; i < 100; ++i) {
    deep += "a/";
    stars += "**/a/";
  }
  EXPECT_FALSE(GlobMatches(stars + "b", deep + "c"));
}

}  // namespace
}  // namespace millrace
