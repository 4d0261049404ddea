#include "base/memory_limit.h"

#include <gtest/gtest.h>

#include "base/testing/control_group_files.h"

namespace millrace {
namespace {

using MemoryLimitTest = ControlGroupTest;

TEST_F(MemoryLimitTest, TheLeastOfAllGroupsAboveCounts) {
  Put("/proc/self/cgroup", "0::/system.slice/job.service/worker");
  Put("/sys/fs/cgroup/system.slice/memory.max", "3000000000");
  Put("/sys/fs/cgroup/system.slice/job.service/memory.max", "1000000000");
  Put("/sys/fs/cgroup/system.slice/job.service/worker/memory.max", "max");
  EXPECT_EQ(ControlGroupMemoryLimit(root_), 1'000'000'000u);
  Put("/sys/fs/cgroup/system.slice/memory.max", "500000000");
  EXPECT_EQ(ControlGroupMemoryLimit(root_), 500'000'000u);
  Put("/sys/fs/cgroup/system.slice/job.service/worker/memory.high", "400000000");
  EXPECT_EQ(ControlGroupMemoryLimit(root_), 400'000'000u);
}

TEST_F(MemoryLimitTest, GroupsOfVersion1AreFoundByTheirController) {
  Put("/proc/self/cgroup", "12:cpu,cpuacct:/elsewhere\n5:devices,memory:/batch/job\n0::/");
  Put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712");
  Put("/sys/fs/cgroup/memory/batch/memory.limit_in_bytes", "2000000000");
  Put("/sys/fs/cgroup/memory/batch/job/memory.limit_in_bytes", "9223372036854771712");
  Put("/sys/fs/cgroup/memory/elsewhere/memory.limit_in_bytes", "1");
  EXPECT_EQ(ControlGroupMemoryLimit(root_), 2'000'000'000u);
}

// The group is named as the host names it, and the mount shows the container's own as the root.
TEST_F(MemoryLimitTest, InAContainerTheRootIsItsOwnGroup) {
  Put("/proc/self/cgroup", "5:memory:/docker/0123456789ab");
  Put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "700000000");
  EXPECT_EQ(ControlGroupMemoryLimit(root_), 700'000'000u);
  Put("/proc/self/cgroup", "0::/../../other");
  Put("/sys/fs/cgroup/memory.max", "600000000");
  EXPECT_EQ(ControlGroupMemoryLimit(root_), 600'000'000u);
}

TEST_F(MemoryLimitTest, WithoutLimitsThereIsNone) {
  EXPECT_EQ(ControlGroupMemoryLimit(root_), std::nullopt);
  Put("/proc/self/cgroup", "0::/a");
  Put("/sys/fs/cgroup/a/memory.max", "max");
  EXPECT_EQ(ControlGroupMemoryLimit(root_), std::nullopt);
}

TEST(AvailableMemoryTest, IsThatOfThisMachine) { EXPECT_GT(AvailableMemory(), 64u << 20); }

}  // namespace
}  // namespace millrace
