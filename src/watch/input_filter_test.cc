#include "watch/input_filter.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/strings.h"

namespace millrace::watch {
namespace {

namespace fs = std::filesystem;

InputFilter FilterOf(std::initializer_list<std::string> inputs) {
  std::vector<InputRoot> roots;
  for (const std::string& input : inputs) {
    const absl::StatusOr<InputRoot> root = RootOf(input);
    EXPECT_TRUE(root.ok()) << root.status();
    if (root.ok()) roots.push_back(*root);
  }
  return InputFilter(roots);
}

TEST(InputFilter, TellsHiddenNamesFromThoseOfOtherInputs) {
  const InputFilter filter({*RootOf("gs://b/events/*.csv"), *RootOf("gs://b/lake")});
  EXPECT_TRUE(filter.Names("gs://b/lake/_day=1/a.csv"));
  EXPECT_FALSE(filter.Hides("gs://b/lake/_day=1/a.csv"));
  EXPECT_TRUE(filter.Hides("gs://b/events/_a.csv"));
  EXPECT_FALSE(filter.Hides("gs://b/events/_a.json"));
  EXPECT_TRUE(filter.Hides("gs://b/lake/_tmp/a.csv"));
  EXPECT_FALSE(filter.Hides("gs://b/other/_a.csv"));
}

TEST(InputFilter, WithoutInputsNamesAllButHiddenOnes) {
  const InputFilter filter = FilterOf({});
  EXPECT_TRUE(filter.Names("gs://b/a"));
  EXPECT_TRUE(filter.Names("gs://b/x/y/a.parquet"));
  EXPECT_FALSE(filter.Names("gs://b/x/"));
  EXPECT_FALSE(filter.Names("gs://b/x/_SUCCESS"));
  EXPECT_FALSE(filter.Names("gs://b/_temporary/0/part"));
  EXPECT_FALSE(filter.Names("gs://b/x/.part.crc"));
  EXPECT_FALSE(filter.Names("gs://b"));
}

TEST(InputFilter, ABucketFolderMatchesEverythingBelow) {
  const InputFilter filter = FilterOf({"gs://b/events", "s3://c"});
  EXPECT_TRUE(filter.Names("gs://b/events/a"));
  EXPECT_TRUE(filter.Names("gs://b/events/x/y/a"));
  EXPECT_TRUE(filter.Names("gs://b/events")) << "it may be an object";
  EXPECT_FALSE(filter.Names("gs://b/events2/a"));
  EXPECT_FALSE(filter.Names("gs://b/other/events/a"));
  EXPECT_TRUE(filter.Names("s3://c/a"));
  EXPECT_FALSE(filter.Names("s3://cc/a"));
}

TEST(InputFilter, GlobsMatchAsInListings) {
  const InputFilter filter = FilterOf({"gs://b/events/**/*.parquet",
                                       "gs://b/day=?"
                                       "?/x.csv"});
  EXPECT_TRUE(filter.Names("gs://b/events/a.parquet"));
  EXPECT_TRUE(filter.Names("gs://b/events/x/y/a.parquet"));
  EXPECT_FALSE(filter.Names("gs://b/events/a.csv"));
  EXPECT_TRUE(filter.Names("gs://b/day=01/x.csv"));
  EXPECT_FALSE(filter.Names("gs://b/day=1/x.csv"));
  EXPECT_FALSE(filter.Names("gs://b/day=01/y/x.csv"));
}

class LocalInputs : public testing::Test {
 protected:
  LocalInputs()
      : folder_(StrCat(fs::canonical(testing::TempDir()).string(), "/watch_inputs.", getpid())) {
    fs::remove_all(folder_);
    fs::create_directories(folder_ + "/in/day=01");
    std::ofstream(folder_ + "/in/one[1].csv") << "x";
    fs::create_directory_symlink(folder_ + "/in", folder_ + "/link");
  }
  ~LocalInputs() override { fs::remove_all(folder_); }

  const std::string folder_;
};

TEST_F(LocalInputs, FoldersAreResolvedOnce) {
  for (const std::string& input :
       {folder_ + "/in", folder_ + "/in/", folder_ + "/link", "file://" + folder_ + "/in"}) {
    const absl::StatusOr<InputRoot> root = RootOf(input);
    ASSERT_TRUE(root.ok()) << root.status();
    EXPECT_EQ(root->folder, folder_ + "/in/");
    EXPECT_EQ(root->pattern, "**");
    EXPECT_TRUE(root->local);
  }
  const InputFilter filter = FilterOf({folder_ + "/link"});
  EXPECT_TRUE(filter.Names(folder_ + "/in/day=01/a.csv"));
  EXPECT_FALSE(filter.Names(folder_ + "/in/.a.csv"));
  EXPECT_FALSE(filter.Names(folder_ + "/a.csv"));
}

TEST_F(LocalInputs, AFileNamedLikeAGlobIsThatFile) {
  const InputFilter filter = FilterOf({folder_ + "/in/one[1].csv"});
  EXPECT_TRUE(filter.Names(folder_ + "/in/one[1].csv"));
  EXPECT_FALSE(filter.Names(folder_ + "/in/one1.csv"));
}

TEST_F(LocalInputs, FilesNeedNotExistYetButTheirFolderMust) {
  EXPECT_TRUE(FilterOf({folder_ + "/in/later*.csv"}).Names(folder_ + "/in/later1.csv"));
  EXPECT_TRUE(absl::IsNotFound(RootOf(folder_ + "/none/*.csv").status()));
  EXPECT_TRUE(absl::IsNotFound(RootOf(folder_ + "/in/later.csv").status()));
}

}  // namespace
}  // namespace millrace::watch
