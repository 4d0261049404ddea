#include "cli/report_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "io/durable_file.h"

namespace millrace::cli {
namespace {

namespace fs = std::filesystem;

class ReportFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "millrace-report-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = fs::canonical(pattern).string();
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  static absl::Status Write(const std::string& path, const std::string& content) {
    const absl::StatusOr<ReportFile> file = ReportFile::Find(path);
    return file.ok() ? file->Write(content) : file.status();
  }
  static mode_t ModeOf(const std::string& path) {
    struct stat stat;
    return ::lstat(path.c_str(), &stat) == 0 ? stat.st_mode : 0;
  }

  std::string folder_;
};

TEST_F(ReportFileTest, ANewOneIsItsOwnersAndAnOldOneKeepsItsMode) {
  ASSERT_TRUE(Write(Path("r.html"), "one").ok());
  EXPECT_EQ(ModeOf(Path("r.html")) & 0777, 0600u);
  ASSERT_EQ(::chmod(Path("r.html").c_str(), 0640), 0);
  ASSERT_TRUE(Write(Path("r.html"), "two").ok());
  EXPECT_EQ(ModeOf(Path("r.html")) & 0777, 0640u);
  EXPECT_EQ(*ReadWholeFile(Path("r.html")), "two");
}

TEST_F(ReportFileTest, ALinkStaysALink) {
  fs::create_directory(Path("elsewhere"));
  std::ofstream(Path("elsewhere/r.html")) << "old";
  fs::create_symlink("elsewhere/r.html", Path("r.html"));
  ASSERT_TRUE(Write(Path("r.html"), "new").ok());
  EXPECT_TRUE(S_ISLNK(ModeOf(Path("r.html"))));
  EXPECT_EQ(*ReadWholeFile(Path("elsewhere/r.html")), "new");
}

TEST_F(ReportFileTest, APipeIsWrittenTo) {
  ASSERT_EQ(::mkfifo(Path("pipe").c_str(), 0600), 0);
  std::string read;
  std::thread reader([&] {
    std::ifstream pipe(Path("pipe"));
    std::getline(pipe, read, '\0');
  });
  EXPECT_TRUE(Write(Path("pipe"), "report").ok());
  reader.join();
  EXPECT_EQ(read, "report");
  EXPECT_TRUE(S_ISFIFO(ModeOf(Path("pipe"))));
}

TEST_F(ReportFileTest, DevicesAreWrittenTo) {
  EXPECT_TRUE(Write("/dev/null", "report").ok());
  EXPECT_TRUE(S_ISCHR(ModeOf("/dev/null")));
  EXPECT_TRUE(absl::IsResourceExhausted(Write("/dev/full", "report")));
  EXPECT_TRUE(S_ISCHR(ModeOf("/dev/full")));
}

TEST_F(ReportFileTest, WhatCannotBeWrittenIsKnownBefore) {
  fs::create_symlink("nowhere", Path("dangling"));
  std::ofstream(Path("file")) << "text";
  EXPECT_TRUE(absl::IsInvalidArgument(ReportFile::Find(folder_).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ReportFile::Find(Path("dangling")).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ReportFile::Find(Path("new/")).status()));
  EXPECT_TRUE(absl::IsNotFound(ReportFile::Find(Path("none/r.html")).status()));
  EXPECT_TRUE(absl::IsNotFound(ReportFile::Find(Path("file/r.html")).status()));
}

}  // namespace
}  // namespace millrace::cli
