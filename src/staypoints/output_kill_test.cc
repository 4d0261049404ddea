// A run that is killed at each of the system calls with which it puts its output in place.
#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "staypoints/output_marker.h"
#include "staypoints/output_tree.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

constexpr int kNoTracing = 77;

std::string MarkerOf(const std::string& content) {
  return "{\"made_by\":\"millrace staypoints\",\"format\":\"" + content + "\"}\n";
}

class OutputKillTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = fs::temp_directory_path() / "millrace-kill.XXXXXX";
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    folder_ = fs::canonical(path);
    output_ = (folder_ / "out").string();
  }
  void TearDown() override { fs::remove_all(folder_); }

  static bool Fill(OutputTree& tree, const std::string& content) {
    for (const char* const user : {"ab", "cd", "ef"}) {
      auto file = tree.Create(std::string("p1=") + user + "/p2=x/data.parquet");
      if (!file.ok() || !(*file)->Append(content).ok() || !(*file)->Finish().ok()) return false;
    }
    return true;
  }
  bool WriteTree(const std::string& content) {
    auto tree = OpenLocalOutputTree(output_, "");
    return tree.ok() && Fill(**tree, content) && (*tree)->Publish(MarkerOf(content)).ok();
  }

  // Publishes "new" in a child that is killed as it enters its system call number `calls`, counted
  // from the begin of Publish(). True if it was done before.
  bool PublishUntilKilled(int calls, bool in_place) {
    const pid_t child = ::fork();
    if (child == 0) {
      if (in_place) fs::current_path(output_);
      auto tree = OpenLocalOutputTree(output_, "");
      if (!tree.ok() || !Fill(**tree, "new")) ::_exit(1);
      if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(kNoTracing);
      ::raise(SIGSTOP);
      const bool done = (*tree)->Publish(MarkerOf("new")).ok();
      tree->reset();  // also the removal of the old output may be killed
      ::_exit(done ? 0 : 1);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    for (int stops = 0; WIFSTOPPED(status); ++stops) {
      if (stops == 2 * calls + 1) {  // each call stops twice, on its way in and out
        ::kill(child, SIGKILL);
      } else {
        ::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
      }
      EXPECT_EQ(::waitpid(child, &status, 0), child);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == kNoTracing) no_tracing_ = true;
    EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0 || no_tracing_);
    return WIFEXITED(status);
  }

  std::string Content(const std::string& path) const {
    std::ifstream file(output_ + "/" + path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  // "old" or "new" if the output is that, with all its files; else empty.
  std::string Whole() const {
    for (const std::string content : {"old", "new"}) {
      bool is_whole = Content("_SUCCESS") == MarkerOf(content);
      for (const char* const user : {"ab", "cd", "ef"}) {
        is_whole &= Content(std::string("p1=") + user + "/p2=x/data.parquet") == content;
      }
      if (is_whole) return content;
    }
    return "";
  }
  std::vector<std::string> NamesIn(const std::string& folder) const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder)) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  void ExpectNothingIsLeft() const {
    EXPECT_EQ(NamesIn(folder_), std::vector<std::string>{"out"});
    EXPECT_EQ(NamesIn(output_), (std::vector<std::string>{"_SUCCESS", "p1=ab", "p1=cd", "p1=ef"}));
  }

  fs::path folder_;
  std::string output_;
  bool no_tracing_ = false;
};

TEST_F(OutputKillTest, AnExchangeIsOldOrNewAtEveryMoment) {
  bool was_old = false;
  for (int calls = 0;; ++calls) {
    ASSERT_TRUE(WriteTree("old"));
    const bool done = PublishUntilKilled(calls, false);
    if (no_tracing_) GTEST_SKIP() << "processes may not be traced here";
    const std::string whole = Whole();
    EXPECT_FALSE(whole.empty()) << "killed at system call " << calls;
    was_old = was_old || whole == "old";
    ASSERT_TRUE(WriteTree("old"));
    ExpectNothingIsLeft();
    if (done) {
      EXPECT_TRUE(was_old);
      EXPECT_EQ(whole, "new");
      break;
    }
  }
}

TEST_F(OutputKillTest, ANewOutputIsThereOrNotAtEveryMoment) {
  for (int calls = 0;; ++calls) {
    fs::remove_all(output_);
    const bool done = PublishUntilKilled(calls, false);
    if (no_tracing_) GTEST_SKIP() << "processes may not be traced here";
    if (fs::exists(output_)) {
      EXPECT_EQ(Whole(), "new") << "killed at system call " << calls;
    }
    if (done) break;
  }
  EXPECT_EQ(Whole(), "new");
}

// Where nothing can be exchanged, a reader who waits for the marker never sees a mixture.
TEST_F(OutputKillTest, InPlaceTheMarkerIsNeverNextToAPartialOutput) {
  bool was_incomplete = false;
  for (int calls = 0;; ++calls) {
    ASSERT_TRUE(WriteTree("old"));
    const bool done = PublishUntilKilled(calls, true);
    if (no_tracing_) GTEST_SKIP() << "processes may not be traced here";
    if (fs::exists(output_ + "/_SUCCESS")) {
      EXPECT_FALSE(Whole().empty()) << "killed at system call " << calls;
    } else {
      EXPECT_EQ(Content("_UNFINISHED"), kUnfinishedMarker) << "killed at system call " << calls;
      was_incomplete = true;
    }
    if (done) break;
    // What was left by the killed run goes with the next one, beside the output and inside of it.
    const fs::path before = fs::current_path();
    fs::current_path(output_);
    EXPECT_TRUE(WriteTree("old"));
    fs::current_path(before);
    ExpectNothingIsLeft();
  }
  EXPECT_TRUE(was_incomplete);
  EXPECT_EQ(Whole(), "new");
}

}  // namespace
}  // namespace millrace
