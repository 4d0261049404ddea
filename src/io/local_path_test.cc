#include "io/local_path.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace millrace {
namespace {

namespace fs = std::filesystem;

class LocalPathTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "millrace-path-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = fs::canonical(pattern).string();
    fs::create_directories(folder_ + "/a/deep/down");
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string Resolved(const std::string& path) const {
    const absl::StatusOr<std::string> resolved = ResolvePath(path);
    return resolved.ok() ? *resolved : std::string(resolved.status().message());
  }

  std::string folder_;
};

TEST_F(LocalPathTest, FileUrisAreDecoded) {
  EXPECT_EQ(*LocalPathOf("file:///a%20b/c"), "/a b/c");
  EXPECT_EQ(*LocalPathOf("file://localhost/a"), "/a");
  EXPECT_EQ(*LocalPathOf("a%20b"), "a%20b");
  EXPECT_TRUE(absl::IsInvalidArgument(LocalPathOf("file://host/a").status()));
}

TEST_F(LocalPathTest, TwoDotsBehindALinkAreTheParentOfItsTarget) {
  fs::create_directory_symlink(folder_ + "/a/deep", folder_ + "/link");
  EXPECT_EQ(Resolved(folder_ + "/link/../out"), folder_ + "/a/out");
  EXPECT_EQ(Resolved(folder_ + "//link/./down/"), folder_ + "/a/deep/down");
  EXPECT_EQ(Resolved(folder_ + "/link/down/../../../b/c"), folder_ + "/b/c");
  EXPECT_EQ(Resolved("/../.."), "/");
}

TEST_F(LocalPathTest, RelativePathsBeginInTheCurrentFolder) {
  const fs::path before = fs::current_path();
  fs::current_path(folder_ + "/a");
  EXPECT_EQ(Resolved("."), folder_ + "/a");
  EXPECT_EQ(Resolved("../new"), folder_ + "/new");
  fs::current_path(before);
}

TEST_F(LocalPathTest, WhatCannotBeFoundIsNamed) {
  fs::create_symlink("nowhere", folder_ + "/dangling");
  std::ofstream(folder_ + "/file") << "text";
  EXPECT_TRUE(absl::IsInvalidArgument(ResolvePath(folder_ + "/dangling").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ResolvePath(folder_ + "/missing/../b").status()));
  EXPECT_TRUE(absl::IsNotFound(ResolvePath(folder_ + "/file/out").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ResolvePath("").status()));
}

TEST_F(LocalPathTest, NamesThatBeginAlikeAreNotWithinEachOther) {
  EXPECT_TRUE(IsWithin("/a/b", "/a/b"));
  EXPECT_TRUE(IsWithin("/a/b/c", "/a/b"));
  EXPECT_TRUE(IsWithin("/a", "/"));
  EXPECT_FALSE(IsWithin("/a/bc", "/a/b"));
  EXPECT_FALSE(IsWithin("/a", "/a/b"));
}

}  // namespace
}  // namespace millrace
