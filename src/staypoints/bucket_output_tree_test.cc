// Over the local store, which is a store like any other here; the clouds' pass the same contract.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/status/status.h"
#include "staypoints/output_tree.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

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

TEST_F(BucketOutputTreeTest, TheMarkerComesLastAndOldObjectsGo) {
  {
    auto tree = Open();
    ASSERT_TRUE(tree.ok()) << tree.status();
    Write(**tree, "p1=ab/data", "one");
    Write(**tree, "p1=cd/data", "one");
    EXPECT_FALSE(Exists("_SUCCESS"));
    ASSERT_TRUE((*tree)->Publish("{}\n").ok());
  }
  EXPECT_EQ(Content("p1=cd/data"), "one");
  EXPECT_EQ(Content("_SUCCESS"), "{}\n");

  auto tree = Open();
  ASSERT_TRUE(tree.ok()) << tree.status();
  Write(**tree, "p1=ab/data", "two");
  EXPECT_FALSE(Exists("_SUCCESS"));  // what is there is neither the old output nor the new one
  EXPECT_TRUE(Exists("_UNFINISHED"));
  ASSERT_TRUE((*tree)->Publish("{}\n").ok());
  EXPECT_EQ(Content("p1=ab/data"), "two");
  EXPECT_FALSE(Exists("p1=cd/data"));
  EXPECT_FALSE(Exists("_UNFINISHED"));
}

TEST_F(BucketOutputTreeTest, AnOutputWithoutFilesReplacesToo) {
  {
    auto tree = Open();
    ASSERT_TRUE(tree.ok()) << tree.status();
    Write(**tree, "p1=ab/data", "one");
    ASSERT_TRUE((*tree)->Publish("{}\n").ok());
  }
  auto tree = Open();
  ASSERT_TRUE(tree.ok()) << tree.status();
  ASSERT_TRUE((*tree)->Publish("{\"files\":0}\n").ok());
  EXPECT_FALSE(Exists("p1=ab/data"));
  EXPECT_EQ(Content("_SUCCESS"), "{\"files\":0}\n");
}

TEST_F(BucketOutputTreeTest, ARunThatFailsRemovesWhatItWrote) {
  {
    auto tree = Open();
    ASSERT_TRUE(tree.ok()) << tree.status();
    Write(**tree, "p1=ab/data", "one");
    auto begun = (*tree)->Create("p1=ab/more");
    ASSERT_TRUE(begun.ok()) << begun.status();
    ASSERT_TRUE((*begun)->Append("half").ok());
  }
  EXPECT_FALSE(Exists("p1=ab/data"));
  EXPECT_FALSE(Exists("p1=ab/more"));
  EXPECT_FALSE(Exists("_UNFINISHED"));
  EXPECT_TRUE(fs::is_empty(folder_ / "scratch"));
}

TEST_F(BucketOutputTreeTest, WhatAKilledRunLeftIsReplaced) {
  fs::create_directories(output_);
  std::ofstream(output_ + "/_UNFINISHED") << "{}\n";
  std::ofstream(output_ + "/staypoints.json") << "half";
  auto tree = Open();
  ASSERT_TRUE(tree.ok()) << tree.status();
  ASSERT_TRUE((*tree)->Publish("{}\n").ok());
  EXPECT_FALSE(Exists("staypoints.json"));
}

TEST_F(BucketOutputTreeTest, ObjectsOfOthersAreNotReplaced) {
  fs::create_directories(output_);
  std::ofstream(output_ + "/precious.csv") << "mine";
  const auto tree = Open();
  EXPECT_TRUE(absl::IsFailedPrecondition(tree.status())) << tree.status();
  EXPECT_EQ(Content("precious.csv"), "mine");
}

}  // namespace
}  // namespace millrace
