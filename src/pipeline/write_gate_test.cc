#include "pipeline/write_gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

namespace millrace {
namespace {

using Pass = std::optional<WriteGate::Pass>;

class WriteGateTest : public testing::Test {
 protected:
  // `writes` writes that took `latency`, one after another.
  void Write(int writes, absl::Duration latency, bool throttled = false) {
    for (int i = 0; i < writes; ++i) {
      gate_.Wrote(now_, now_ + latency, throttled);
      now_ += latency;
    }
  }

  absl::Duration now_ = absl::Hours(1);
  WriteGate gate_{4, 20, 1000};
};

TEST_F(WriteGateTest, OpensOneStepARoundForAFarDestination) {
  Write(4, absl::Milliseconds(100));
  EXPECT_EQ(gate_.allowed(), 5);
  Write(5, absl::Milliseconds(100));
  EXPECT_EQ(gate_.allowed(), 6);
  Write(1000, absl::Milliseconds(100));
  EXPECT_EQ(gate_.allowed(), 20);
}

TEST_F(WriteGateTest, StaysAsItIsForANearOne) {
  Write(1000, absl::Milliseconds(3));
  EXPECT_EQ(gate_.allowed(), 4);
}

// A busy machine makes some writes slow, but not the quickest of a round.
TEST_F(WriteGateTest, OneQuickWriteShowsThatTheDestinationIsNear) {
  for (int round = 0; round < 20; ++round) {
    Write(3, absl::Milliseconds(80));
    Write(1, absl::Milliseconds(4));
  }
  EXPECT_EQ(gate_.allowed(), 4);
}

TEST_F(WriteGateTest, ThrottlingHalvesAndRecoveryIsSlow) {
  Write(1000, absl::Milliseconds(100));
  Write(1, absl::Milliseconds(100), /*throttled=*/true);
  EXPECT_EQ(gate_.allowed(), 10);
  Write(10, absl::Milliseconds(100));
  EXPECT_EQ(gate_.allowed(), 11);
}

TEST_F(WriteGateTest, WritesUnderWayWhenItWasHalvedDoNotHalveItAgain) {
  gate_.Wrote(now_, now_ + absl::Milliseconds(10), /*throttled=*/true);
  gate_.Wrote(now_, now_ + absl::Milliseconds(11), /*throttled=*/true);
  gate_.Wrote(now_ + absl::Milliseconds(5), now_ + absl::Milliseconds(12), /*throttled=*/true);
  EXPECT_EQ(gate_.allowed(), 2);
}

TEST_F(WriteGateTest, NeverClosesByThrottlingAndRecoversEvenWhenNear) {
  Write(50, absl::Milliseconds(1), /*throttled=*/true);
  EXPECT_EQ(gate_.allowed(), 1);
  Write(1000, absl::Milliseconds(1));
  EXPECT_EQ(gate_.allowed(), 4) << "up to where it began";
}

TEST_F(WriteGateTest, AWorkerWaitsUntilAnotherLeaves) {
  std::vector<Pass> passes;
  for (int i = 0; i < 4; ++i) passes.push_back(gate_.Enter());
  std::atomic<bool> left{false};
  std::thread fifth([&] {
    const Pass pass = gate_.Enter();
    EXPECT_TRUE(pass.has_value());
    EXPECT_TRUE(left);
  });
  left = true;
  passes.pop_back();
  fifth.join();
}

TEST_F(WriteGateTest, AWorkerWaitsForRoomInBytes) {
  Pass first = gate_.Enter();
  first->Holds(600, 700);
  std::atomic<bool> shrunk{false};
  std::thread waiting([&] {
    const Pass second = gate_.Enter();
    EXPECT_TRUE(second.has_value());
    EXPECT_TRUE(shrunk);
  });
  shrunk = true;
  first->Holds(100, 100);
  waiting.join();
}

TEST_F(WriteGateTest, OneLargerThanAllTheRoomPassesAlone) {
  {
    Pass first = gate_.Enter();
    first->Holds(5000, 5000);
    EXPECT_FALSE(first->TakeRoom());
  }
  Pass second = gate_.Enter();
  EXPECT_TRUE(second.has_value()) << "what was large before may be large again, alone";
}

TEST_F(WriteGateTest, RoomForAFurtherChunkIsTakenOnlyIfThereIsSome) {
  Pass first = gate_.Enter();
  first->Holds(300, 300);
  EXPECT_TRUE(first->TakeRoom());
  EXPECT_TRUE(first->TakeRoom());
  EXPECT_FALSE(first->TakeRoom());
  first->Holds(0, 0);
  EXPECT_TRUE(first->TakeRoom());
}

TEST_F(WriteGateTest, BetweenWritesAWorkerGivesWayToThrottling) {
  std::vector<Pass> passes;
  for (int i = 0; i < 4; ++i) passes.push_back(gate_.Enter());
  passes[0]->AwaitTurn();  // all four may work
  gate_.Wrote(absl::ZeroDuration(), absl::Seconds(1), /*throttled=*/true);
  ASSERT_EQ(gate_.allowed(), 2);
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

TEST_F(WriteGateTest, NobodyWaitsForThoseThatWaitForInput) {
  std::vector<Pass> passes;
  for (int i = 0; i < 4; ++i) passes.push_back(gate_.Enter());
  gate_.Wrote(absl::ZeroDuration(), absl::Seconds(1), /*throttled=*/true);
  ASSERT_EQ(gate_.allowed(), 2);
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

TEST_F(WriteGateTest, ClosingEndsTheWaitBetweenWrites) {
  std::vector<Pass> passes;
  for (int i = 0; i < 4; ++i) passes.push_back(gate_.Enter());
  gate_.Wrote(absl::ZeroDuration(), absl::Seconds(1), /*throttled=*/true);
  std::thread waiting([&] { passes[0]->AwaitTurn(); });
  gate_.Close();
  waiting.join();
}

TEST(WriteGateSharing, RoomIsDividedAmongGatesThatMayBecomeMore) {
  std::atomic<int> gates{1};
  WriteGate gate(1, 2, 1000, &gates);
  Pass pass = gate.Enter();
  pass->Holds(100, 300);
  EXPECT_TRUE(pass->TakeRoom());
  pass->Holds(100, 300);
  gates = 4;
  EXPECT_FALSE(pass->TakeRoom()) << "100 and what a chunk needs are more than 250";
}

TEST_F(WriteGateTest, ClosingWakesAllThatWait) {
  std::vector<Pass> passes;
  for (int i = 0; i < 4; ++i) passes.push_back(gate_.Enter());
  std::thread worker([&] { EXPECT_FALSE(gate_.Enter().has_value()); });
  std::thread opener([&] { EXPECT_FALSE(gate_.AwaitRoomFor(4)); });
  gate_.Close();
  worker.join();
  opener.join();
  EXPECT_FALSE(gate_.Enter().has_value());
}

TEST_F(WriteGateTest, RoomForMoreWorkersOpensWithTheGate) {
  EXPECT_TRUE(gate_.AwaitRoomFor(3));
  std::thread opener([&] { EXPECT_TRUE(gate_.AwaitRoomFor(4)); });
  Write(4, absl::Milliseconds(100));
  opener.join();
  EXPECT_FALSE(gate_.AwaitRoomFor(20)) << "there are never more";
}

}  // namespace
}  // namespace millrace
