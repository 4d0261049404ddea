#include "io/temp_folder.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "base/strings.h"
#include "io/worker_id.h"

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

  // A folder with something in it, as `owner` would have left it.
  std::string Leave(const std::string& name, const std::string& owner) {
    std::string path = StrCat(parent_, "/", name, ".", owner, ".aaaaaa");
    fs::create_directories(path + "/a");
    return path;
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
  const std::string recycled = CurrentWorkerTag() + "1";  // this pid with another start time
  const std::string gone = Leave("work", recycled);
  const std::string kept[] = {Leave("work", CurrentWorkerTag()), Leave("work", "0123abcd.1.2"),
                              Leave("other", recycled), Leave("work.other", recycled)};
  const auto folder = TempFolder::Make(parent_, "work");
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_FALSE(fs::exists(gone));
  for (const std::string& path : kept) EXPECT_TRUE(fs::exists(path)) << path;
}

TEST_F(TempFolderTest, AFolderHasItsOwnerFromTheFirstInstant) {
  const pid_t child = fork();
  if (child == 0) {
    const rlimit no_byte = {0, 0};
    setrlimit(RLIMIT_FSIZE, &no_byte);  // the first write to a file kills
    const auto folder = TempFolder::Make(parent_, "work");
    raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_FALSE(fs::is_empty(parent_));
  { const auto folder = TempFolder::Make(parent_, "work"); }
  EXPECT_TRUE(fs::is_empty(parent_));
}

TEST_F(TempFolderTest, AParentThatIsMissingIsAnError) {
  EXPECT_TRUE(absl::IsNotFound(TempFolder::Make(parent_ + "/none", "work").status()));
}

}  // namespace
}  // namespace millrace
