#include "staypoints/memory_plan.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace millrace {
namespace {

TEST(MemoryPlanTest, TheStoreHoldsTwoChunksForEachRangeAndWorker) {
  for (const uint64_t memory :
       {uint64_t{0}, uint64_t{64'000'000}, uint64_t{256'000'000}, UINT64_MAX}) {
    for (const size_t workers : {1, 2, 5, 64, 256}) {
      for (const uint64_t trips :
           {uint64_t{0}, uint64_t{1'000}, uint64_t{10'000'000}, uint64_t{1} << 40}) {
        const MemoryPlan plan = PlanMemory(memory, workers, trips);
        EXPECT_GE(plan.ranges, 1u);
        EXPECT_EQ(plan.chunk_bytes % 4096, 0u);
        EXPECT_GE(plan.store, 2 * plan.ranges * workers * plan.chunk_bytes)
            << memory << " bytes, " << workers << " workers, " << trips << " trips";
      }
    }
  }
}

TEST(MemoryPlanTest, TheSharesStayWithinTheTotal) {
  const MemoryPlan plan = PlanMemory(1'000'000'000, 2, 100'000'000);
  EXPECT_LT(plan.store + 2 * plan.sorter + plan.writers, 1'000'000'000u);
  EXPECT_GT(plan.store, 400'000'000u);
}

TEST(MemoryPlanTest, TheDefaultIsTheFastestSize) {
  EXPECT_GT(DefaultMemory(), 16u << 20);
  EXPECT_LE(DefaultMemory(), 512'000'000u);
}

}  // namespace
}  // namespace millrace
