// Over the local store, which is a store like any other here; the clouds' pass the same contract.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/status/status.h"
#include "staypoints/output_marker.h"
#include "staypoints/output_tree.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMarker = "{\"made_by\":\"millrace staypoints\",\"staypoints\":7}\n";
constexpr const char* kData = "p1=ab/p2=cd/data.parquet";
constexpr const char* kMore = "p1=ab/p2=ef/data.parquet";

class BucketOutputTreeTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = fs::temp_directory_path() / "millrace-bucket.XXXXXX";
    folder_ = mkdtemp(path.data());
    output_ = (folder_ / "out").string();
    fs::create_directory(folder_ / "scratch");
  }
  void TearDown() override { fs::remove_all(folder_); }

  absl::StatusOr<std::unique_ptr<OutputTree>> Open() {
    return OpenBucketOutputTree(NewLocalObjectStore(), output_ + "/",
                                (folder_ / "scratch").string());
  }
  static void Write(OutputTree& tree, const std::string& path, const std::string& content) {
    auto file = tree.Create(path);
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE((*file)->Append(content).ok());
    ASSERT_TRUE((*file)->Finish().ok());
  }
  bool Exists(const std::string& path) { return fs::exists(output_ + "/" + path); }
  std::string Content(const std::string& path) {
    std::ifstream file(output_ + "/" + path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  fs::path folder_;
  std::string output_;
};

TEST_F(BucketOutputTreeTest, WritesTheMarkerLastAndRemovesOldObjects) {
  {
    auto tree = Open();
    ASSERT_TRUE(tree.ok()) << tree.status();
    Write(**tree, kData, "one");
    Write(**tree, kMore, "one");
    EXPECT_FALSE(Exists("_SUCCESS"));
    ASSERT_TRUE((*tree)->Publish(kMarker).ok());
  }
  EXPECT_EQ(Content(kMore), "one");
  EXPECT_EQ(Content("_SUCCESS"), kMarker);

  auto tree = Open();
  ASSERT_TRUE(tree.ok()) << tree.status();
  Write(**tree, kData, "two");
  EXPECT_FALSE(Exists("_SUCCESS"));  // what is there is neither the old output nor the new one
  EXPECT_TRUE(Exists("_UNFINISHED"));
  ASSERT_TRUE((*tree)->Publish(kMarker).ok());
  EXPECT_EQ(Content(kData), "two");
  EXPECT_FALSE(Exists(kMore));
  EXPECT_FALSE(Exists("_UNFINISHED"));
}

TEST_F(BucketOutputTreeTest, AnOutputWithoutFilesReplacesToo) {
  {
    auto tree = Open();
    ASSERT_TRUE(tree.ok()) << tree.status();
    Write(**tree, kData, "one");
    ASSERT_TRUE((*tree)->Publish(kMarker).ok());
  }
  auto tree = Open();
  ASSERT_TRUE(tree.ok()) << tree.status();
  ASSERT_TRUE((*tree)->Publish("{\"files\":0}\n").ok());
  EXPECT_FALSE(Exists(kData));
  EXPECT_EQ(Content("_SUCCESS"), "{\"files\":0}\n");
}

TEST_F(BucketOutputTreeTest, ARunThatFailsRemovesWhatItWrote) {
  {
    auto tree = Open();
    ASSERT_TRUE(tree.ok()) << tree.status();
    Write(**tree, kData, "one");
    auto begun = (*tree)->Create(kMore);
    ASSERT_TRUE(begun.ok()) << begun.status();
    ASSERT_TRUE((*begun)->Append("half").ok());
  }
  EXPECT_FALSE(Exists(kData));
  EXPECT_FALSE(Exists(kMore));
  EXPECT_FALSE(Exists("_UNFINISHED"));
  EXPECT_TRUE(fs::is_empty(folder_ / "scratch"));
}

TEST_F(BucketOutputTreeTest, TheRemainsOfAKilledRunAreReplaced) {
  fs::create_directories(output_);
  std::ofstream(output_ + "/_UNFINISHED") << kUnfinishedMarker;
  std::ofstream(output_ + "/staypoints.json") << "half";
  auto tree = Open();
  ASSERT_TRUE(tree.ok()) << tree.status();
  ASSERT_TRUE((*tree)->Publish(kMarker).ok());
  EXPECT_FALSE(Exists("staypoints.json"));
}

TEST_F(BucketOutputTreeTest, ObjectsOfOtherProgramsAreNotReplaced) {
  fs::create_directories(output_);
  std::ofstream(output_ + "/precious.csv") << "mine";
  for (const char* const marker : {"", "{}", "{\"made_by\":\"spark\"}", kMarker}) {
    if (*marker != '\0') std::ofstream(output_ + "/_SUCCESS") << marker;
    const auto tree = Open();
    EXPECT_TRUE(absl::IsFailedPrecondition(tree.status())) << tree.status();
    EXPECT_EQ(Content("precious.csv"), "mine");
  }
}

// Spark and others write an empty "_SUCCESS", and what it stands for may have any name.
TEST_F(BucketOutputTreeTest, IgnoresMarkersOfOtherPrograms) {
  fs::create_directories(output_);
  std::ofstream(output_ + "/_SUCCESS") << "";
  EXPECT_TRUE(absl::IsFailedPrecondition(Open().status()));
  std::ofstream(output_ + "/staypoints.json") << "mine";
  EXPECT_TRUE(absl::IsFailedPrecondition(Open().status()));
  EXPECT_EQ(Content("staypoints.json"), "mine");
}

TEST_F(BucketOutputTreeTest, ObjectsThatAppearBeforeTheFirstWriteAreNotReplaced) {
  auto tree = Open();
  ASSERT_TRUE(tree.ok()) << tree.status();
  fs::create_directories(output_);
  std::ofstream(output_ + "/staypoints.json") << "mine";
  EXPECT_TRUE(absl::IsFailedPrecondition((*tree)->Create("staypoints.json").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition((*tree)->Publish(kMarker)));
  tree->reset();
  EXPECT_EQ(Content("staypoints.json"), "mine");
}

TEST_F(BucketOutputTreeTest, ObjectsThatAppearAfterTheFirstWriteAreKept) {
  auto tree = Open();
  ASSERT_TRUE(tree.ok()) << tree.status();
  Write(**tree, kData, "one");
  std::ofstream(output_ + "/notes.txt") << "mine";
  ASSERT_TRUE((*tree)->Publish(kMarker).ok());
  EXPECT_EQ(Content("notes.txt"), "mine");
}

TEST_F(BucketOutputTreeTest, SaysWhatItReplaces) {
  for (const uint64_t before : {0, 7}) {
    auto tree = Open();
    ASSERT_TRUE(tree.ok()) << tree.status();
    EXPECT_EQ((*tree)->replaced_staypoints(), before);
    ASSERT_TRUE((*tree)->Publish(kMarker).ok());
  }
}

}  // namespace
}  // namespace millrace
