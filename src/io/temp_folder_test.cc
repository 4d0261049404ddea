#include "io/temp_folder.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/strings.h"
#include "io/owner.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

class TempFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    parent_ = StrCat(testing::TempDir(), "/temp_folder_test.", getpid());
    fs::create_directories(parent_);
  }
  void TearDown() override { fs::remove_all(parent_); }

  void Leave(const std::string& name, const std::string& owner) {
    fs::create_directories(parent_ + "/" + name);
    std::ofstream(parent_ + "/" + name + "/owner") << owner;
  }

  std::string parent_;
};

TEST_F(TempFolderTest, IsRemovedWithAllThatIsInIt) {
  std::string path;
  {
    const auto folder = TempFolder::Make(parent_, "work");
    ASSERT_TRUE(folder.ok()) << folder.status();
    path = (*folder)->path();
    ASSERT_TRUE((*folder)->MakeFolder("a").ok());
    std::ofstream(path + "/a/file") << "x";
    EXPECT_EQ(fs::status(path).permissions() & fs::perms::all, fs::perms::owner_all);
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(TempFolderTest, FoldersOfProcessesThatAreGoneAreRemovedFirst) {
  const std::string recycled = ThisOwner() + "1";  // this pid with another start time
  Leave("work.aaa", recycled);
  Leave("work.bbb", ThisOwner());
  Leave("work.ccc", "elsewhere/boot/space/1/2");
  Leave("other.ddd", recycled);
  const auto folder = TempFolder::Make(parent_, "work");
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_FALSE(fs::exists(parent_ + "/work.aaa"));
  EXPECT_TRUE(fs::exists(parent_ + "/work.bbb"));
  EXPECT_TRUE(fs::exists(parent_ + "/work.ccc"));
  EXPECT_TRUE(fs::exists(parent_ + "/other.ddd"));
}

TEST_F(TempFolderTest, AParentThatIsMissingIsAnError) {
  EXPECT_TRUE(absl::IsNotFound(TempFolder::Make(parent_ + "/none", "work").status()));
}

}  // namespace
}  // namespace millrace
