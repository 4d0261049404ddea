#include "io/owner.h"

#include <sys/wait.h>
#include <unistd.h>

#include "base/strings.h"

namespace millrace {
namespace {

TEST(Owner, ThisProcessIsNotGone) { EXPECT_FALSE(OwnerIsGone(ThisOwner())); }

TEST(Owner, OwnersElsewhereAreNeverKnownToBeGone) {
  EXPECT_FALSE(OwnerIsGone("another-host/boot/pid:[1]/123/456"));
  EXPECT_FALSE(OwnerIsGone(""));
}

TEST(Owner, AWordSaysTheSame) {
  const std::string word = ThisOwnerWord();
  EXPECT_EQ(word.find_first_of("/ "), std::string::npos);
  EXPECT_FALSE(OwnerWordIsGone(word));
  EXPECT_TRUE(OwnerWordIsGone(word + "1"));
  EXPECT_FALSE(OwnerWordIsGone("0123456789abcdef.123.456"));  // elsewhere
  EXPECT_FALSE(OwnerWordIsGone(word + ".1"));
  EXPECT_FALSE(OwnerWordIsGone(""));
}

TEST(Owner, AnEndedProcessIsGoneEvenBeforeItsParentLooks) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    const std::string owner = ThisOwner();
    _exit(write(ends[1], owner.data(), owner.size()) > 0 ? 0 : 1);
  }
  char owner[512] = {};
  ASSERT_GT(read(ends[0], owner, sizeof(owner) - 1), 0);
  siginfo_t info;
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_TRUE(OwnerIsGone(owner));  // a zombie
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(OwnerIsGone(owner));
  close(ends[0]);
  close(ends[1]);
}

TEST(Owner, AProcessWithARecycledPidIsAnother) {
  std::string owner = ThisOwner();
  owner += "1";  // another start time
  EXPECT_TRUE(OwnerIsGone(owner));
}

}  // namespace
}  // namespace millrace
