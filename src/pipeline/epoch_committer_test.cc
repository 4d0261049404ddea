// When a staged run commits. What it does after crashes is in staged_crash_test.cc.
#include <gtest/gtest.h>

#include "pipeline/testing/pipeline_simulation.h"

namespace millrace {
namespace {

// Of a run of some rows, each of which is a batch of some bytes.
uint64_t Commits(size_t bytes_of_destination, size_t max_staging_bytes) {
  PipelineSimulation world;
  world.UseStaging();
  world.objects = {MakeFakeObject("one", "a a a a a a a a a a a a")};
  world.chunk_rows = world.options.join_rows = 1;
  world.options.commit.bytes = bytes_of_destination;
  world.options.max_staging_bytes = max_staging_bytes;
  const RunReport report = world.Run("me");
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.counts.accepted, 12u);
  EXPECT_EQ(world.CheckComplete(), "");
  return world.staged_destination.Commits();
}

TEST(EpochCommitterTest, ARunLowersTheLimitOfItsDestination) {
  EXPECT_EQ(Commits(1 << 20, SIZE_MAX), 1u);
  EXPECT_EQ(Commits(1 << 20, 1), 12u);
  EXPECT_EQ(Commits(1, 1 << 20), 12u);
  EXPECT_EQ(Commits(1, SIZE_MAX), 12u);
}

}  // namespace
}  // namespace millrace
