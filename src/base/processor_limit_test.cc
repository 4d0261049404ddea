#include "base/processor_limit.h"

#include <gtest/gtest.h>

#include "base/testing/control_group_files.h"

namespace millrace {
namespace {

using ProcessorLimitTest = ControlGroupTest;

TEST_F(ProcessorLimitTest, TheLeastQuotaOfAllGroupsAboveCounts) {
  Put("/proc/self/cgroup", "0::/pods/pod/container");
  Put("/sys/fs/cgroup/pods/cpu.max", "400000 100000");
  Put("/sys/fs/cgroup/pods/pod/cpu.max", "50000 100000");
  Put("/sys/fs/cgroup/pods/pod/container/cpu.max", "max 100000");
  EXPECT_EQ(ControlGroupProcessorLimit(root_), 0.5);
  Put("/sys/fs/cgroup/pods/cpu.max", "25000 100000");
  EXPECT_EQ(ControlGroupProcessorLimit(root_), 0.25);
}

TEST_F(ProcessorLimitTest, GroupsOfVersion1HaveQuotaAndPeriodInTwoFiles) {
  Put("/proc/self/cgroup", "4:cpu,cpuacct:/docker/0123");
  Put("/sys/fs/cgroup/cpu/docker/cpu.cfs_quota_us", "-1");
  Put("/sys/fs/cgroup/cpu/docker/cpu.cfs_period_us", "100000");
  EXPECT_EQ(ControlGroupProcessorLimit(root_), std::nullopt);
  Put("/sys/fs/cgroup/cpu/docker/0123/cpu.cfs_quota_us", "150000");
  Put("/sys/fs/cgroup/cpu/docker/0123/cpu.cfs_period_us", "100000");
  EXPECT_EQ(ControlGroupProcessorLimit(root_), 1.5);
}

TEST_F(ProcessorLimitTest, WithoutAQuotaThereIsNone) {
  EXPECT_EQ(ControlGroupProcessorLimit(root_), std::nullopt);
  Put("/proc/self/cgroup", "0::/a");
  Put("/sys/fs/cgroup/a/cpu.max", "max 100000");
  EXPECT_EQ(ControlGroupProcessorLimit(root_), std::nullopt);
}

TEST(AvailableProcessorsTest, AreThoseOfThisMachine) { EXPECT_GT(AvailableProcessors(), 0); }

}  // namespace
}  // namespace millrace
