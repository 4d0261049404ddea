#include "io/durable_file.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class DurableFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "millrace-durable-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

  static mode_t Mode(const std::string& path) {
    struct stat stat;
    EXPECT_EQ(::stat(path.c_str(), &stat), 0);
    return stat.st_mode & 0777;
  }

  std::string folder_;
};

// Lets files grow to `bytes` only, as a full disk would.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*const handler_)(int);
  rlimit before_;
};

TEST_F(DurableFileTest, NewFilesAppearWholeOrNotAtAll) {
  const std::string path = Path("made/for/it/file");
  {
    auto file = CreateNewFile(path, FileAudience::kEveryone);
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE((*file)->Append("half").ok());
    EXPECT_FALSE(fs::exists(path));
  }
  EXPECT_TRUE(fs::is_empty(folder_));
  auto file = CreateNewFile(path, FileAudience::kEveryone);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE((*file)->Append("who").ok());
  ASSERT_TRUE((*file)->Append("le").ok());
  ASSERT_TRUE((*file)->Commit().ok());
  file->reset();
  EXPECT_EQ(*ReadWholeFile(path), "whole");
  EXPECT_EQ(Mode(path) & 0600, 0600);
  EXPECT_EQ(std::distance(fs::directory_iterator(Path("made/for/it")), {}), 1);
}

TEST_F(DurableFileTest, ANewFileThatFindsTheDiskFullLeavesNothing) {
  const FileSizeLimit limit(1000);
  auto file = CreateNewFile(Path("file"), FileAudience::kOwner);
  ASSERT_TRUE(file.ok()) << file.status();
  const absl::Status status = (*file)->Append(std::string(2000, 'x'));
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(Path("file")));
  file->reset();
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(DurableFileTest, AppendsAcrossOpens) {
  const std::string path = Path("a/b/log");
  for (const char* part : {"one ", "two"}) {
    auto file = OpenAppendFile(path);
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE((*file)->Append(part).ok());
    ASSERT_TRUE((*file)->Append("").ok());
    ASSERT_TRUE((*file)->Sync().ok());
  }
  EXPECT_EQ(*ReadWholeFile(path), "one two");
  EXPECT_EQ(Mode(path), 0600);
  EXPECT_EQ(Mode(Path("a/b")), 0700);
}

TEST_F(DurableFileTest, ReplacesAFileWhole) {
  const std::string path = Path("c/state.json");
  ASSERT_TRUE(ReplaceFile(path, "old content").ok());
  ASSERT_TRUE(ReplaceFile(path, "new").ok());
  EXPECT_EQ(*ReadWholeFile(path), "new");
  EXPECT_EQ(std::distance(fs::directory_iterator(Path("c")), fs::directory_iterator()), 1);
}

TEST_F(DurableFileTest, MovesAFileAndMakesTheFoldersOfItsNewName) {
  ASSERT_TRUE(ReplaceFile(Path("a/from"), "content").ok());
  const absl::Status moved = MoveFile(Path("a/from"), Path("b/.hidden/to"));
  ASSERT_TRUE(moved.ok()) << moved;
  EXPECT_EQ(*ReadWholeFile(Path("b/.hidden/to")), "content");
  EXPECT_TRUE(fs::is_empty(Path("a")));
  EXPECT_TRUE(absl::IsNotFound(MoveFile(Path("a/from"), Path("b/.hidden/to"))));
  EXPECT_EQ(*ReadWholeFile(Path("b/.hidden/to")), "content");
}

TEST_F(DurableFileTest, AMoveThatFailsLeavesWhatWasThere) {
  ASSERT_TRUE(ReplaceFile(Path("file"), "content").ok());
  EXPECT_TRUE(absl::IsNotFound(MoveFile(Path("missing"), Path("new/folder/file"))));
  EXPECT_TRUE(absl::IsInvalidArgument(MoveFile(Path("file"), Path("file/below"))));
  fs::create_directory(Path("folder"));
  EXPECT_FALSE(MoveFile(Path("file"), Path("folder")).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(MoveFile(Path("folder"), Path("other"))));
  fs::create_symlink("file", Path("link"));
  EXPECT_TRUE(absl::IsInvalidArgument(MoveFile(Path("link"), Path("other"))));
  const absl::Status too_long = MoveFile(Path("file"), Path("new/" + std::string(300, 'x')));
  EXPECT_TRUE(absl::IsInvalidArgument(too_long)) << too_long;
  EXPECT_THAT(std::string(too_long.message()), HasSubstr(Path("file")));
  EXPECT_EQ(*ReadWholeFile(Path("file")), "content");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 3);
}

TEST_F(DurableFileTest, AMoveBetweenTwoLinksToOneFileIsRefused) {
  ASSERT_TRUE(ReplaceFile(Path("file"), "content").ok());
  fs::create_hard_link(Path("file"), Path("same"));
  const absl::Status moved = MoveFile(Path("file"), Path("same"));
  EXPECT_TRUE(absl::IsFailedPrecondition(moved)) << moved;
  EXPECT_TRUE(MoveFile(Path("file"), Path("file")).ok());
  EXPECT_TRUE(MoveFile(Path("file"), Path("other")).ok());
  EXPECT_EQ(*ReadWholeFile(Path("same")), "content");
  EXPECT_EQ(*ReadWholeFile(Path("other")), "content");
}

TEST_F(DurableFileTest, AMoveToAnotherFileSystemIsRefused) {
  struct stat here;
  struct stat there;
  if (::stat(folder_.c_str(), &here) != 0 || ::stat("/dev/shm", &there) != 0 ||
      here.st_dev == there.st_dev || ::access("/dev/shm", W_OK) != 0) {
    GTEST_SKIP() << "/dev/shm is not another file system that can be written";
  }
  ASSERT_TRUE(ReplaceFile(Path("file"), "content").ok());
  const std::string to = "/dev/shm" + folder_;
  const absl::Status moved = MoveFile(Path("file"), to + "/file");
  EXPECT_TRUE(absl::IsInvalidArgument(moved)) << moved;
  EXPECT_THAT(std::string(moved.message()), HasSubstr("different file systems"));
  EXPECT_EQ(*ReadWholeFile(Path("file")), "content");
  EXPECT_FALSE(fs::exists(to));
}

TEST_F(DurableFileTest, CreatesAFileOnlyIfThereIsNone) {
  const std::string path = Path("made/for/it/file");
  const absl::Status created = CreateFileIfAbsent(path, "first", FileAudience::kEveryone);
  ASSERT_TRUE(created.ok()) << created;
  const absl::Status again = CreateFileIfAbsent(path, "second", FileAudience::kEveryone);
  EXPECT_TRUE(absl::IsAlreadyExists(again)) << again;
  EXPECT_THAT(std::string(again.message()), HasSubstr(path));
  EXPECT_EQ(*ReadWholeFile(path), "first");
  EXPECT_EQ(std::distance(fs::directory_iterator(Path("made/for/it")), {}), 1);
  struct stat stat;
  ASSERT_EQ(::stat(path.c_str(), &stat), 0);
  EXPECT_EQ(stat.st_nlink, 1);
  fs::create_symlink("nowhere", Path("dangling"));
  EXPECT_TRUE(
      absl::IsAlreadyExists(CreateFileIfAbsent(Path("dangling"), "x", FileAudience::kEveryone)));
}

TEST_F(DurableFileTest, AFullDiskLeavesNoNewFile) {
  const FileSizeLimit limit(1000);
  const absl::Status status =
      CreateFileIfAbsent(Path("new/file"), std::string(2000, 'x'), FileAudience::kOwner);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(DurableFileTest, AFullDiskNamesThePathAndLeavesTheOldFile) {
  const std::string path = Path("state.json");
  ASSERT_TRUE(ReplaceFile(path, "old").ok());
  auto log = OpenAppendFile(Path("log"));
  ASSERT_TRUE(log.ok());
  {
    const FileSizeLimit limit(1000);
    const absl::Status replaced = ReplaceFile(path, std::string(5000, 'x'));
    EXPECT_EQ(replaced.code(), absl::StatusCode::kResourceExhausted) << replaced;
    EXPECT_THAT(std::string(replaced.message()), HasSubstr(path));
    const absl::Status appended = (*log)->Append(std::string(5000, 'x'));
    EXPECT_EQ(appended.code(), absl::StatusCode::kResourceExhausted) << appended;
    EXPECT_THAT(std::string(appended.message()), HasSubstr(Path("log")));
  }
  EXPECT_EQ(*ReadWholeFile(path), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 2);
}

TEST_F(DurableFileTest, ErrorsNameThePath) {
  ASSERT_TRUE(ReplaceFile(Path("file"), "x").ok());
  const absl::Status opened = OpenAppendFile(Path("file/below")).status();
  EXPECT_FALSE(opened.ok());
  EXPECT_THAT(std::string(opened.message()), HasSubstr(Path("file")));
  EXPECT_EQ(OpenAppendFile(folder_).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadWholeFile(Path("missing")).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(DurableFileTest, ReadsNoMoreThanAllowed) {
  ASSERT_TRUE(ReplaceFile(Path("file"), std::string(100'000, 'x')).ok());
  EXPECT_EQ(ReadWholeFile(Path("file"), 100'000)->size(), 100'000);
  EXPECT_EQ(ReadWholeFile(Path("file"), 99'999).status().code(),
            absl::StatusCode::kResourceExhausted);
  ASSERT_TRUE(ReplaceFile(Path("empty"), "").ok());
  EXPECT_EQ(*ReadWholeFile(Path("empty"), 0), "");
}

}  // namespace
}  // namespace millrace
