#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "staypoints/output_tree.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

class LocalOutputTreeTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = fs::temp_directory_path() / "millrace-tree.XXXXXX";
    folder_ = mkdtemp(path.data());
    output_ = (folder_ / "out").string();
  }
  void TearDown() override { fs::remove_all(folder_); }

  // Writes one file with `content` and publishes it.
  absl::Status WriteTree(const std::string& content) {
    auto tree = OpenLocalOutputTree(output_, "");
    if (!tree.ok()) return tree.status();
    auto file = (*tree)->Create("p1=ab/p2=cd/data");
    if (!file.ok()) return file.status();
    EXPECT_TRUE((*file)->Append(content).ok());
    EXPECT_TRUE((*file)->Finish().ok());
    return (*tree)->Publish("{}\n");
  }
  std::string Content(const std::string& path) {
    std::ifstream file(output_ + "/" + path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_)) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

  fs::path folder_;
  std::string output_;
};

TEST_F(LocalOutputTreeTest, AppearsWholeAndReplacesAnEarlierOne) {
  ASSERT_TRUE(WriteTree("one").ok());
  EXPECT_EQ(Content("p1=ab/p2=cd/data"), "one");
  EXPECT_EQ(Content("_SUCCESS"), "{}\n");
  ASSERT_TRUE(WriteTree("two").ok());
  EXPECT_EQ(Content("p1=ab/p2=cd/data"), "two");
  EXPECT_EQ(Names(), std::vector<std::string>{"out"});
}

TEST_F(LocalOutputTreeTest, NothingIsSeenBeforeItIsPublished) {
  {
    auto tree = OpenLocalOutputTree(output_, "");
    ASSERT_TRUE(tree.ok()) << tree.status();
    auto file = (*tree)->Create("data");
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE((*file)->Append("half").ok());
    EXPECT_FALSE(fs::exists(output_));
  }
  EXPECT_TRUE(Names().empty());
}

TEST_F(LocalOutputTreeTest, LeavesAnEarlierOneAloneUnlessPublished) {
  ASSERT_TRUE(WriteTree("one").ok());
  { ASSERT_TRUE(OpenLocalOutputTree(output_, "").ok()); }
  EXPECT_EQ(Content("p1=ab/p2=cd/data"), "one");
}

TEST_F(LocalOutputTreeTest, ReplacesNothingThatItDidNotWrite) {
  fs::create_directory(output_);
  std::ofstream(output_ + "/thesis.txt") << "years of work";
  const absl::Status status = WriteTree("one");
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_EQ(Content("thesis.txt"), "years of work");
  EXPECT_EQ(Names(), std::vector<std::string>{"out"});
}

TEST_F(LocalOutputTreeTest, TakesAnEmptyFolderAndMissingParents) {
  fs::create_directory(output_);
  ASSERT_TRUE(WriteTree("one").ok());
  output_ = (folder_ / "a" / "b" / "out").string();
  ASSERT_TRUE(WriteTree("two").ok());
  EXPECT_EQ(Content("p1=ab/p2=cd/data"), "two");
}

TEST_F(LocalOutputTreeTest, AFileInTheWayIsNamed) {
  std::ofstream(output_) << "a file";
  const absl::Status status = WriteTree("one");
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_NE(status.message().find(output_), std::string::npos) << status;
}

}  // namespace
}  // namespace millrace
