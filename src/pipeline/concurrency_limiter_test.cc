#include "pipeline/concurrency_limiter.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

namespace millrace {
namespace {

using Permit = std::optional<ConcurrencyLimiter::Permit>;

class ConcurrencyLimiterTest : public testing::Test {
 protected:
  // `writes` writes that took `latency`, one after another.
  void Write(int writes, absl::Duration latency, bool throttled = false) {
    for (int i = 0; i < writes; ++i) {
      limiter_.Wrote(now_, now_ + latency, throttled);
      now_ += latency;
    }
  }

  absl::Duration now_ = absl::Hours(1);
  ConcurrencyLimiter limiter_{4, 20, 1000};
};

TEST_F(ConcurrencyLimiterTest, GrowsOneStepPerRoundForASlowDestination) {
  Write(4, absl::Milliseconds(100));
  EXPECT_EQ(limiter_.allowed(), 5);
  Write(5, absl::Milliseconds(100));
  EXPECT_EQ(limiter_.allowed(), 6);
  Write(1000, absl::Milliseconds(100));
  EXPECT_EQ(limiter_.allowed(), 20);
}

TEST_F(ConcurrencyLimiterTest, StaysUnchangedForAFastOne) {
  Write(1000, absl::Milliseconds(3));
  EXPECT_EQ(limiter_.allowed(), 4);
}

// A busy machine makes some writes slow, but not the quickest of a round.
TEST_F(ConcurrencyLimiterTest, OneQuickWriteShowsThatTheDestinationIsNear) {
  for (int round = 0; round < 20; ++round) {
    Write(3, absl::Milliseconds(80));
    Write(1, absl::Milliseconds(4));
  }
  EXPECT_EQ(limiter_.allowed(), 4);
}

TEST_F(ConcurrencyLimiterTest, ThrottlingHalvesAndRecoveryIsSlow) {
  Write(1000, absl::Milliseconds(100));
  Write(1, absl::Milliseconds(100), /*throttled=*/true);
  EXPECT_EQ(limiter_.allowed(), 10);
  Write(10, absl::Milliseconds(100));
  EXPECT_EQ(limiter_.allowed(), 11);
}

TEST_F(ConcurrencyLimiterTest, WritesUnderWayWhenItWasHalvedDoNotHalveItAgain) {
  limiter_.Wrote(now_, now_ + absl::Milliseconds(10), /*throttled=*/true);
  limiter_.Wrote(now_, now_ + absl::Milliseconds(11), /*throttled=*/true);
  limiter_.Wrote(now_ + absl::Milliseconds(5), now_ + absl::Milliseconds(12), /*throttled=*/true);
  EXPECT_EQ(limiter_.allowed(), 2);
}

TEST_F(ConcurrencyLimiterTest, NeverClosesByThrottlingAndRecoversEvenWhenNear) {
  Write(50, absl::Milliseconds(1), /*throttled=*/true);
  EXPECT_EQ(limiter_.allowed(), 1);
  Write(1000, absl::Milliseconds(1));
  EXPECT_EQ(limiter_.allowed(), 4) << "up to where it began";
}

TEST_F(ConcurrencyLimiterTest, AWorkerWaitsUntilAnotherLeaves) {
  std::vector<Permit> passes;
  for (int i = 0; i < 4; ++i) passes.push_back(limiter_.Enter());
  std::atomic<bool> left{false};
  std::thread fifth([&] {
    const Permit permit = limiter_.Enter();
    EXPECT_TRUE(permit.has_value());
    EXPECT_TRUE(left);
  });
  left = true;
  passes.pop_back();
  fifth.join();
}

TEST_F(ConcurrencyLimiterTest, AWorkerWaitsForRoomInBytes) {
  Permit first = limiter_.Enter();
  first->Holds(600, 700);
  std::atomic<bool> shrunk{false};
  std::thread waiting([&] {
    const Permit second = limiter_.Enter();
    EXPECT_TRUE(second.has_value());
    EXPECT_TRUE(shrunk);
  });
  shrunk = true;
  first->Holds(100, 100);
  waiting.join();
}

TEST_F(ConcurrencyLimiterTest, OneLargerThanTheMemoryIsAdmittedAlone) {
  {
    Permit first = limiter_.Enter();
    first->Holds(5000, 5000);
    EXPECT_FALSE(first->TakeRoom());
  }
  Permit second = limiter_.Enter();
  EXPECT_TRUE(second.has_value()) << "what was large before may be large again, alone";
}

TEST_F(ConcurrencyLimiterTest, RoomForAFurtherChunkIsTakenOnlyIfThereIsSome) {
  Permit first = limiter_.Enter();
  first->Holds(300, 300);
  EXPECT_TRUE(first->TakeRoom());
  EXPECT_TRUE(first->TakeRoom());
  EXPECT_FALSE(first->TakeRoom());
  first->Holds(0, 0);
  EXPECT_TRUE(first->TakeRoom());
}

TEST_F(ConcurrencyLimiterTest, BetweenWritesAWorkerGivesWayToThrottling) {
  std::vector<Permit> passes;
  for (int i = 0; i < 4; ++i) passes.push_back(limiter_.Enter());
  passes[0]->AwaitTurn();  // all four may work
  limiter_.Wrote(absl::ZeroDuration(), absl::Seconds(1), /*throttled=*/true);
  ASSERT_EQ(limiter_.allowed(), 2);
  std::atomic<bool> left{false};
  std::thread waiting([&] {
    passes[0]->AwaitTurn();
    EXPECT_TRUE(left) << "of three that work, two may";
  });
  passes.pop_back();
  left = true;
  passes.pop_back();
  waiting.join();
}

TEST_F(ConcurrencyLimiterTest, WorkersThatWaitForInputDoNotBlockOthers) {
  std::vector<Permit> passes;
  for (int i = 0; i < 4; ++i) passes.push_back(limiter_.Enter());
  limiter_.Wrote(absl::ZeroDuration(), absl::Seconds(1), /*throttled=*/true);
  ASSERT_EQ(limiter_.allowed(), 2);
  passes[1]->SetAwaitsInput(true);
  std::atomic<bool> second{false};
  std::thread waiting([&] {
    passes[0]->AwaitTurn();
    EXPECT_TRUE(second) << "of three that do not wait for input, two may work";
  });
  second = true;
  passes[2]->SetAwaitsInput(true);
  waiting.join();
  passes[1]->SetAwaitsInput(false);
  passes[2]->SetAwaitsInput(false);
}

TEST_F(ConcurrencyLimiterTest, ClosingEndsTheWaitBetweenWrites) {
  std::vector<Permit> passes;
  for (int i = 0; i < 4; ++i) passes.push_back(limiter_.Enter());
  limiter_.Wrote(absl::ZeroDuration(), absl::Seconds(1), /*throttled=*/true);
  std::thread waiting([&] { passes[0]->AwaitTurn(); });
  limiter_.Close();
  waiting.join();
}

TEST(ConcurrencyLimiterSharing, MemoryIsDividedAmongLimitersWhoseNumberMayGrow) {
  std::atomic<int> sharing_limiters{1};
  ConcurrencyLimiter limiter(1, 2, 1000, &sharing_limiters);
  Permit permit = limiter.Enter();
  permit->Holds(100, 300);
  EXPECT_TRUE(permit->TakeRoom());
  permit->Holds(100, 300);
  sharing_limiters = 4;
  EXPECT_FALSE(permit->TakeRoom()) << "100 and what a chunk needs are more than 250";
}

TEST_F(ConcurrencyLimiterTest, ClosingWakesAllThatWait) {
  std::vector<Permit> passes;
  for (int i = 0; i < 4; ++i) passes.push_back(limiter_.Enter());
  std::thread worker([&] { EXPECT_FALSE(limiter_.Enter().has_value()); });
  std::thread opener([&] { EXPECT_FALSE(limiter_.AwaitRoomFor(4)); });
  limiter_.Close();
  worker.join();
  opener.join();
  EXPECT_FALSE(limiter_.Enter().has_value());
}

TEST_F(ConcurrencyLimiterTest, RoomForMoreWorkersGrowsWithTheLimit) {
  EXPECT_TRUE(limiter_.AwaitRoomFor(3));
  std::thread opener([&] { EXPECT_TRUE(limiter_.AwaitRoomFor(4)); });
  Write(4, absl::Milliseconds(100));
  opener.join();
  EXPECT_FALSE(limiter_.AwaitRoomFor(20)) << "there are never more";
}

}  // namespace
}  // namespace millrace
