#include "io/worker_id.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <string>

#include "base/strings.h"

namespace millrace {
namespace {

TEST(Owner, ThisProcessIsNotGone) { EXPECT_FALSE(IsWorkerDead(CurrentWorkerId())); }

TEST(Owner, OwnersElsewhereAreNeverKnownToBeGone) {
  EXPECT_FALSE(IsWorkerDead("another-host/boot/pid:[1]/123/456"));
  EXPECT_FALSE(IsWorkerDead(""));
}

TEST(Owner, AWordSaysTheSame) {
  const std::string word = CurrentWorkerTag();
  EXPECT_EQ(word.find_first_of("/ "), std::string::npos);
  EXPECT_FALSE(IsWorkerTagDead(word));
  EXPECT_TRUE(IsWorkerTagDead(word + "1"));
  EXPECT_FALSE(IsWorkerTagDead("0123456789abcdef.123.456"));  // elsewhere
  EXPECT_FALSE(IsWorkerTagDead(word + ".1"));
  EXPECT_FALSE(IsWorkerTagDead(""));
}

TEST(Owner, AnEndedProcessIsGoneEvenBeforeItsParentLooks) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    const std::string owner = CurrentWorkerId();
    _exit(write(ends[1], owner.data(), owner.size()) > 0 ? 0 : 1);
  }
  char owner[512] = {};
  ASSERT_GT(read(ends[0], owner, sizeof(owner) - 1), 0);
  siginfo_t info;
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_TRUE(IsWorkerDead(owner));  // a zombie
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(IsWorkerDead(owner));
  close(ends[0]);
  close(ends[1]);
}

// As under hidepid=2, under ProtectProc, or when no file can be opened.
TEST(Owner, AnOwnerThatCannotBeLookedUpIsNotGone) {
  EXPECT_FALSE(IsWorkerDead(CurrentWorkerId(), "/nowhere"));
  EXPECT_FALSE(IsWorkerTagDead(CurrentWorkerTag(), "/nowhere"));
  EXPECT_FALSE(IsWorkerDead(CurrentWorkerId() + "1", "/nowhere"));
}

TEST(Owner, AnOwnerThatDoesNotKnowItsStartTimeIsNotGone) {
  std::string owner = CurrentWorkerId();
  owner.resize(owner.rfind('/') + 1);
  EXPECT_FALSE(IsWorkerDead(owner));
}

TEST(Owner, WhatIsNoProcessIsNotGone) {
  std::string place = CurrentWorkerId();
  for (int part = 0; part < 2; ++part) place.resize(place.rfind('/'));
  for (const char* process : {"/0/1", "/-1/1", "/1x/1", "/99999999999/1", "//", "/1"}) {
    EXPECT_FALSE(IsWorkerDead(place + process)) << process;
  }
}

// Runs `child` in a process of its own; its exit status.
int RunChild(const std::function<int()>& child) {
  const pid_t pid = fork();
  if (pid == 0) _exit(child());
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Owner, AnOwnerHiddenByTheKernelIsNotGone) {
  enum { kLives, kGone, kCannotHide };
  const std::string owner = CurrentWorkerId();
  const int result = RunChild([&] {
    constexpr uid_t kNobody = 65534;
    if (unshare(CLONE_NEWNS) != 0 ||
        mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("proc", "/proc", "proc", 0, "hidepid=2") != 0 || setuid(kNobody) != 0) {
      return kCannotHide;
    }
    struct stat stat;
    if (::stat(StrCat("/proc/", getppid()).c_str(), &stat) == 0) return kCannotHide;
    return IsWorkerDead(owner) ? kGone : kLives;
  });
  if (result == kCannotHide) GTEST_SKIP() << "hidepid needs a privilege";
  EXPECT_EQ(result, kLives);
}

TEST(Owner, WithoutAFileDescriptorLeftNobodyIsGone) {
  const std::string owner = CurrentWorkerId();
  EXPECT_EQ(RunChild([&] {
              const rlimit none{0, 0};
              if (setrlimit(RLIMIT_NOFILE, &none) != 0) return 2;
              return IsWorkerDead(owner) ? 1 : 0;
            }),
            0);
}

TEST(Owner, AProcessWithARecycledPidIsAnother) {
  std::string owner = CurrentWorkerId();
  owner += "1";  // another start time
  EXPECT_TRUE(IsWorkerDead(owner));
}

}  // namespace
}  // namespace millrace
