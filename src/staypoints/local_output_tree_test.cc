#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "staypoints/output_marker.h"
#include "staypoints/output_tree.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMarker = "{\"made_by\":\"millrace staypoints\",\"staypoints\":7}\n";
constexpr const char* kData = "p1=ab/p2=cd/data.parquet";

// In a file system on disk and in one in memory.
class LocalOutputTreeTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    std::string path = std::string(GetParam()) + "/millrace-tree.XXXXXX";
    if (mkdtemp(path.data()) == nullptr) GTEST_SKIP() << GetParam() << " is not writable";
    folder_ = fs::canonical(path);
    output_ = (folder_ / "out").string();
  }
  void TearDown() override { fs::remove_all(folder_); }

  // Writes one file with `content` and publishes it.
  absl::Status WriteTree(const std::string& content) { return WriteTreeTo(output_, content); }
  static absl::Status WriteTreeTo(const std::string& output, const std::string& content) {
    auto tree = OpenLocalOutputTree(output, "");
    if (!tree.ok()) return tree.status();
    return FillAndPublish(**tree, content);
  }
  static absl::Status FillAndPublish(OutputTree& tree, const std::string& content) {
    auto file = tree.Create(kData);
    if (!file.ok()) return file.status();
    EXPECT_TRUE((*file)->Append(content).ok());
    EXPECT_TRUE((*file)->Finish().ok());
    return tree.Publish(kMarker);
  }
  std::string Content(const std::string& path) {
    std::ifstream file(output_ + "/" + path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  std::vector<std::string> Names() { return NamesIn(folder_); }
  static std::vector<std::string> NamesIn(const fs::path& folder) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder)) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  static struct stat StatOf(const std::string& path) {
    struct stat stat = {};
    EXPECT_EQ(::lstat(path.c_str(), &stat), 0) << path;
    return stat;
  }
  mode_t ModeOf(const std::string& path) {
    return StatOf(path.empty() ? output_ : output_ + "/" + path).st_mode & 07777;
  }

  fs::path folder_;
  std::string output_;
};

INSTANTIATE_TEST_SUITE_P(FileSystems, LocalOutputTreeTest, testing::Values("/tmp", "/dev/shm"),
                         [](const auto& info) {
                           return std::string(info.param) == "/tmp" ? "Tmp" : "Shm";
                         });

TEST_P(LocalOutputTreeTest, AppearsAsAWholeAndReplacesAnEarlierOne) {
  ASSERT_TRUE(WriteTree("one").ok());
  EXPECT_EQ(Content(kData), "one");
  EXPECT_EQ(Content("_SUCCESS"), kMarker);
  ASSERT_TRUE(WriteTree("two").ok());
  EXPECT_EQ(Content(kData), "two");
  EXPECT_EQ(Names(), std::vector<std::string>{"out"});
}

TEST_P(LocalOutputTreeTest, NothingIsVisibleBeforePublish) {
  {
    auto tree = OpenLocalOutputTree(output_, "");
    ASSERT_TRUE(tree.ok()) << tree.status();
    auto file = (*tree)->Create(kData);
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE((*file)->Append("half").ok());
    EXPECT_FALSE(fs::exists(output_));
  }
  EXPECT_TRUE(Names().empty());
}

TEST_P(LocalOutputTreeTest, LeavesAnEarlierOneAloneUnlessPublished) {
  ASSERT_TRUE(WriteTree("one").ok());
  auto tree = OpenLocalOutputTree(output_, "");
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_EQ((*tree)->replaced_staypoints(), 7u);
  tree->reset();
  EXPECT_EQ(Content(kData), "one");
}

TEST_P(LocalOutputTreeTest, ReplacesNothingThatItDidNotWrite) {
  fs::create_directory(output_);
  std::ofstream(output_ + "/thesis.txt") << "years of work";
  for (const char* const marker : {"", "{}", "{\"made_by\":\"spark\"}", kMarker}) {
    const absl::Status status = WriteTree("one");
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_EQ(Content("thesis.txt"), "years of work");
    EXPECT_EQ(Names(), std::vector<std::string>{"out"});
    std::ofstream(output_ + "/_SUCCESS") << marker;
  }
}

// Spark's marker is empty, and its files may have any name.
TEST_P(LocalOutputTreeTest, IgnoresMarkersOfOtherPrograms) {
  fs::create_directory(output_);
  std::ofstream(output_ + "/_SUCCESS") << "";
  EXPECT_TRUE(absl::IsFailedPrecondition(WriteTree("one")));
  std::ofstream(output_ + "/staypoints.json") << "mine";
  EXPECT_TRUE(absl::IsFailedPrecondition(WriteTree("one")));
  EXPECT_EQ(Content("staypoints.json"), "mine");
  fs::remove(output_ + "/_SUCCESS");
  ASSERT_EQ(::mkfifo((output_ + "/_SUCCESS").c_str(), 0600), 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(WriteTree("one")));
}

TEST_P(LocalOutputTreeTest, AFileDeepInAnEarlierOutputIsNotRemoved) {
  ASSERT_TRUE(WriteTree("one").ok());
  std::ofstream(output_ + "/p1=ab/p2=cd/notes.txt") << "mine";
  const absl::Status status = WriteTree("two");
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_NE(status.message().find("p1=ab/p2=cd/notes.txt"), std::string::npos) << status;
  EXPECT_EQ(Content(kData), "one");
  EXPECT_EQ(Content("p1=ab/p2=cd/notes.txt"), "mine");
}

TEST_P(LocalOutputTreeTest, FilesThatAppearDuringTheRunAreKept) {
  const auto appears = [&](auto make) {
    auto tree = OpenLocalOutputTree(output_, "");
    ASSERT_TRUE(tree.ok()) << tree.status();
    make();
    const absl::Status status = FillAndPublish(**tree, "two");
    EXPECT_FALSE(status.ok());
    EXPECT_NE(status.message().find(output_), std::string::npos) << status;
  };
  appears([&] { std::ofstream(output_) << "a file"; });
  EXPECT_EQ(StatOf(output_).st_size, 6);
  fs::remove(output_);
  appears([&] { fs::create_symlink("elsewhere", output_); });
  EXPECT_TRUE(fs::is_symlink(output_));
  fs::remove(output_);
  appears([&] {
    fs::create_directory(output_);
    std::ofstream(output_ + "/thesis.txt") << "years of work";
  });
  EXPECT_EQ(Content("thesis.txt"), "years of work");
  fs::remove_all(output_);
  ASSERT_TRUE(WriteTree("one").ok());
  appears([&] { std::ofstream(output_ + "/notes.txt") << "mine"; });
  EXPECT_EQ(Content("notes.txt"), "mine");
  EXPECT_EQ(Content(kData), "one");
  EXPECT_EQ(Names(), std::vector<std::string>{"out"});
}

TEST_P(LocalOutputTreeTest, TakesAnEmptyFolderAndMissingParents) {
  fs::create_directory(output_);
  ASSERT_TRUE(WriteTree("one").ok());
  output_ = (folder_ / "a" / "b" / "out").string();
  ASSERT_TRUE(WriteTree("two").ok());
  EXPECT_EQ(Content(kData), "two");
}

TEST_P(LocalOutputTreeTest, AnEmptyFolderThatAppearsIsTaken) {
  auto tree = OpenLocalOutputTree(output_, "");
  ASSERT_TRUE(tree.ok()) << tree.status();
  fs::create_directory(output_);
  ASSERT_EQ(::chmod(output_.c_str(), 0700), 0);
  ASSERT_TRUE(FillAndPublish(**tree, "one").ok());
  EXPECT_EQ(Content(kData), "one");
  EXPECT_EQ(ModeOf(""), 0700u);
  tree->reset();
  EXPECT_EQ(NamesIn(output_), (std::vector<std::string>{"_SUCCESS", "p1=ab"}));
}

TEST_P(LocalOutputTreeTest, AFileInTheWayIsNamed) {
  std::ofstream(output_) << "a file";
  const absl::Status status = WriteTree("one");
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_NE(status.message().find(output_), std::string::npos) << status;
}

TEST_P(LocalOutputTreeTest, PathsAreFoundAsTheKernelFindsThem) {
  fs::create_directories(folder_ / "real/deep");
  fs::create_directory_symlink(folder_ / "real/deep", folder_ / "link");
  ASSERT_TRUE(WriteTreeTo((folder_ / "link").string() + "/../out", "one").ok());
  EXPECT_FALSE(fs::exists(output_));
  output_ = (folder_ / "real/out").string();
  EXPECT_EQ(Content(kData), "one");
  ASSERT_TRUE(WriteTreeTo("file://" + folder_.string() + "/a%20b", "two").ok());
  output_ = (folder_ / "a b").string();
  EXPECT_EQ(Content(kData), "two");
  fs::create_symlink("nowhere", folder_ / "dangling");
  EXPECT_TRUE(absl::IsInvalidArgument(WriteTreeTo((folder_ / "dangling").string(), "three")));
  EXPECT_TRUE(fs::is_symlink(folder_ / "dangling"));
}

TEST_P(LocalOutputTreeTest, ALinkToAFolderStaysALink) {
  fs::create_directory(folder_ / "real");
  fs::create_directory_symlink("real", output_);
  ASSERT_TRUE(WriteTree("one").ok());
  EXPECT_TRUE(fs::is_symlink(output_));
  EXPECT_EQ(Content(kData), "one");
}

class WithUmask {
 public:
  explicit WithUmask(mode_t mask) : before_(::umask(mask)) {}
  ~WithUmask() { ::umask(before_); }

 private:
  const mode_t before_;
};

TEST_P(LocalOutputTreeTest, APrivateFolderStaysPrivate) {
  const WithUmask mask(022);
  for (const bool is_first : {true, false}) {
    if (is_first) fs::create_directory(output_);
    ASSERT_EQ(::chmod(output_.c_str(), 0700), 0);
    ASSERT_TRUE(WriteTree("one").ok());
    EXPECT_EQ(ModeOf(""), 0700u);
    EXPECT_EQ(ModeOf("p1=ab"), 0700u);
    EXPECT_EQ(ModeOf("p1=ab/p2=cd"), 0700u);
    EXPECT_EQ(ModeOf(kData), 0600u);
    EXPECT_EQ(ModeOf("_SUCCESS"), 0600u);
  }
}

TEST_P(LocalOutputTreeTest, AFolderOfAGroupStaysTheGroups) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may give any group";
  const WithUmask mask(022);
  fs::create_directory(output_);
  ASSERT_EQ(::chown(output_.c_str(), static_cast<uid_t>(-1), 1234), 0);
  for (const mode_t mode : {02770U, 0750U}) {
    ASSERT_EQ(::chmod(output_.c_str(), mode), 0);
    for (const char* const content : {"one", "two"}) {
      ASSERT_TRUE(WriteTree(content).ok());
      EXPECT_EQ(ModeOf(""), mode);
      EXPECT_EQ(ModeOf("p1=ab/p2=cd"), mode);
      EXPECT_EQ(ModeOf(kData), mode & 0666);
      for (const char* const path :
           {"", "/p1=ab/p2=cd", "/p1=ab/p2=cd/data.parquet", "/_SUCCESS"}) {
        EXPECT_EQ(StatOf(output_ + path).st_gid, 1234u) << path;
      }
    }
  }
}

TEST_P(LocalOutputTreeTest, AFolderOfAnotherUserStaysTheirs) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may give a folder away";
  fs::create_directory(output_);
  ASSERT_EQ(::chown(output_.c_str(), 1234, 1234), 0);
  ASSERT_TRUE(WriteTree("one").ok());
  EXPECT_EQ(StatOf(output_).st_uid, 1234u);
  EXPECT_EQ(StatOf(output_ + "/" + kData).st_uid, 1234u);
}

TEST_P(LocalOutputTreeTest, TheUmaskDecidesAboutNewOutputs) {
  for (const auto& [mask, mode] : {std::pair(077U, 0700U), std::pair(022U, 0755U)}) {
    const WithUmask with(mask);
    ASSERT_TRUE(WriteTree("one").ok());
    EXPECT_EQ(ModeOf(""), mode);
    EXPECT_EQ(ModeOf("p1=ab"), mode);
    EXPECT_EQ(ModeOf(kData), mode & 0666);
    fs::remove_all(output_);
  }
  // Also in a folder that is open to all: others get no more than before.
  fs::create_directory(output_);
  ASSERT_EQ(::chmod(output_.c_str(), 0755), 0);
  const WithUmask with(077);
  ASSERT_TRUE(WriteTree("one").ok());
  EXPECT_EQ(ModeOf(""), 0755u);
  EXPECT_EQ(ModeOf(kData), 0600u);
}

TEST_P(LocalOutputTreeTest, ASetGroupIdParentPassesItsGroupOn) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may give any group";
  ASSERT_EQ(::chown(folder_.c_str(), static_cast<uid_t>(-1), 1234), 0);
  ASSERT_EQ(::chmod(folder_.c_str(), 02770), 0);
  ASSERT_TRUE(WriteTree("one").ok());
  EXPECT_EQ(StatOf(output_).st_gid, 1234u);
  EXPECT_EQ(StatOf(output_ + "/" + kData).st_gid, 1234u);
  EXPECT_NE(ModeOf("p1=ab") & S_ISGID, 0u);
}

// The shell that stands in the folder must find itself in the new one.
TEST_P(LocalOutputTreeTest, TheCurrentFolderIsFilledInPlace) {
  fs::create_directory(output_);
  const ino_t inode = StatOf(output_).st_ino;
  const fs::path before = fs::current_path();
  fs::current_path(output_);
  EXPECT_TRUE(WriteTreeTo(".", "one").ok());
  EXPECT_TRUE(WriteTreeTo(".", "two").ok());
  fs::current_path(before);
  EXPECT_EQ(StatOf(output_).st_ino, inode);
  EXPECT_EQ(Content(kData), "two");
  EXPECT_EQ(NamesIn(output_), (std::vector<std::string>{"_SUCCESS", "p1=ab"}));
  fs::current_path(output_ + "/p1=ab");
  EXPECT_TRUE(absl::IsFailedPrecondition(WriteTree("three")));
  fs::current_path(before);
}

TEST_P(LocalOutputTreeTest, InPlaceTheMarkerIsGoneUntilAllIsThere) {
  fs::create_directory(output_);
  std::ofstream(output_ + "/_UNFINISHED") << kUnfinishedMarker;  // of a run that was killed
  std::ofstream(output_ + "/staypoints.csv") << "half";
  const fs::path before = fs::current_path();
  fs::current_path(output_);
  EXPECT_TRUE(WriteTreeTo(".", "one").ok());
  auto tree = OpenLocalOutputTree(".", "");
  fs::current_path(before);
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_EQ(Content(kData), "one");
  EXPECT_FALSE(fs::exists(output_ + "/staypoints.csv"));
  std::ofstream(output_ + "/notes.txt") << "mine";
  EXPECT_TRUE(absl::IsFailedPrecondition(FillAndPublish(**tree, "two")));
  EXPECT_EQ(Content(kData), "one");
  EXPECT_EQ(Content("_SUCCESS"), kMarker);
  tree->reset();
  EXPECT_EQ(NamesIn(output_), (std::vector<std::string>{"_SUCCESS", "notes.txt", "p1=ab"}));
}

TEST_P(LocalOutputTreeTest, BelowAnUnwritableParentItIsFilledInPlace) {
  if (::geteuid() != 0) GTEST_SKIP() << "another user is needed";
  fs::create_directory(output_);
  ASSERT_EQ(::chown(output_.c_str(), 1234, 1234), 0);
  ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const bool done = ::setgid(1234) == 0 && ::setuid(1234) == 0 && WriteTree("one").ok() &&
                      WriteTree("two").ok() &&
                      !WriteTreeTo((folder_ / "other").string(), "three").ok();
    ::_exit(done ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(Content(kData), "two");
  EXPECT_EQ(NamesIn(output_), (std::vector<std::string>{"_SUCCESS", "p1=ab"}));
  EXPECT_EQ(Names(), std::vector<std::string>{"out"});
}

// A folder that belongs to a colleague of the group: an exchange would make it this user's.
TEST_P(LocalOutputTreeTest, AFolderWhoseOwnerCannotBeKeptIsFilledInPlace) {
  if (::geteuid() != 0) GTEST_SKIP() << "another user is needed";
  ASSERT_EQ(::chmod(folder_.c_str(), 0777), 0);
  fs::create_directory(output_);
  ASSERT_EQ(::chown(output_.c_str(), 4321, 1234), 0);
  ASSERT_EQ(::chmod(output_.c_str(), 02770), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const bool done = ::setgid(1234) == 0 && ::setuid(1234) == 0 && WriteTree("one").ok();
    ::_exit(done ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(StatOf(output_).st_uid, 4321u);
  EXPECT_EQ(ModeOf(""), 02770u);
  EXPECT_EQ(ModeOf(kData), 0660u);
  EXPECT_EQ(StatOf(output_ + "/" + kData).st_gid, 1234u);
}

constexpr int kNoMounts = 77;

// Runs `work`, which returns 0, in a child with mounts of its own. False if this process may not
// have any, or `work` returns kNoMounts.
template <typename Work>
bool WithOwnMounts(Work work) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
      ::_exit(kNoMounts);
    }
    ::_exit(work());
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == kNoMounts) return false;
  EXPECT_EQ(status, 0);
  return true;
}

TEST_P(LocalOutputTreeTest, AMountPointIsFilledInPlace) {
  fs::create_directories(folder_ / "volume");
  fs::create_directory(output_);
  for (const bool is_other_file_system : {false, true}) {
    const bool done = WithOwnMounts([&] {
      const int mounted =
          is_other_file_system
              ? ::mount("none", output_.c_str(), "tmpfs", 0, nullptr)
              : ::mount((folder_ / "volume").c_str(), output_.c_str(), "", MS_BIND, nullptr);
      if (mounted != 0) return kNoMounts;
      if (!WriteTree("one").ok() || !WriteTree("two").ok() || Content(kData) != "two") return 2;
      return NamesIn(output_) == std::vector<std::string>{"_SUCCESS", "p1=ab"} ? 0 : 3;
    });
    if (!done) GTEST_SKIP() << "mounts are not allowed here";
  }
  EXPECT_TRUE(fs::exists(folder_ / "volume" / kData));
  EXPECT_TRUE(fs::is_empty(output_));
}

TEST_P(LocalOutputTreeTest, AFolderOfALowerLayerIsFilledInPlace) {
  for (const char* const name : {"lower", "upper", "work", "merged"}) {
    fs::create_directory(folder_ / name);
  }
  const std::string layers = "lowerdir=" + (folder_ / "lower").string() +
                             ",upperdir=" + (folder_ / "upper").string() +
                             ",workdir=" + (folder_ / "work").string();
  ASSERT_TRUE(WriteTreeTo((folder_ / "lower/out").string(), "one").ok());
  const bool done = WithOwnMounts([&] {
    const std::string merged = (folder_ / "merged").string();
    if (::mount("none", merged.c_str(), "overlay", 0, layers.c_str()) != 0) {
      return kNoMounts;
    }
    output_ = merged + "/out";
    if (!WriteTree("two").ok() || Content(kData) != "two" || Content("_SUCCESS") != kMarker) {
      return 1;
    }
    return NamesIn(output_) == std::vector<std::string>{"_SUCCESS", "p1=ab"} ? 0 : 2;
  });
  if (!done) GTEST_SKIP() << "overlays are not allowed here";
}

}  // namespace
}  // namespace millrace
