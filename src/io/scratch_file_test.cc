#include "io/scratch_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

class ScratchFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = fs::temp_directory_path() / "millrace-scratch.XXXXXX";
    folder_ = mkdtemp(path.data());
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string Read(const ScratchFile& file, const ScratchFile::Extent& extent) {
    std::string bytes(extent.size, '\0');
    EXPECT_TRUE(file.Read(extent, 0, absl::MakeSpan(bytes)).ok());
    return bytes;
  }

  std::string folder_;
};

TEST_F(ScratchFileTest, GivesBackWhatWasPutAway) {
  ScratchFile file(folder_);
  const std::vector<std::string_view> parts = {"ab", "", "cde"};
  const auto first = file.Append(parts);
  const auto second = file.Append("fgh");
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(Read(file, *first), "abcde");
  EXPECT_EQ(Read(file, *second), "fgh");
  std::string part(2, '\0');
  ASSERT_TRUE(file.Read(*first, 3, absl::MakeSpan(part)).ok());
  EXPECT_EQ(part, "de");
  EXPECT_EQ(file.bytes_written(), 8u);
}

TEST_F(ScratchFileTest, IsNeverSeen) {
  ScratchFile file(folder_);
  ASSERT_TRUE(file.Append("something").ok());
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(ScratchFileTest, ReleasingLeavesTheRestAlone) {
  ScratchFile file(folder_);
  const auto first = file.Append(std::string(100'000, 'a'));
  const auto second = file.Append(std::string(100'000, 'b'));
  ASSERT_TRUE(first.ok() && second.ok());
  file.Release(*first);
  EXPECT_EQ(Read(file, *second), std::string(100'000, 'b'));
}

TEST_F(ScratchFileTest, AFullDiskSaysWhatToDo) {
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old_limit;
  getrlimit(RLIMIT_FSIZE, &old_limit);
  const rlimit limit{1000, old_limit.rlim_max};
  setrlimit(RLIMIT_FSIZE, &limit);
  ScratchFile file(folder_);
  const auto extent = file.Append(std::string(5'000, 'a'));
  setrlimit(RLIMIT_FSIZE, &old_limit);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_TRUE(absl::IsResourceExhausted(extent.status())) << extent.status();
  EXPECT_NE(extent.status().message().find(folder_), std::string::npos);
}

TEST_F(ScratchFileTest, AMissingFolderIsNamed) {
  ScratchFile file(folder_ + "/missing");
  const auto extent = file.Append("a");
  EXPECT_FALSE(extent.ok());
  EXPECT_NE(extent.status().message().find("missing"), std::string::npos);
}

}  // namespace
}  // namespace millrace
