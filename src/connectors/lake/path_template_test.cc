#include "connectors/lake/path_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace millrace::lake {
namespace {

using testing::HasSubstr;

constexpr int64_t kMicros = 1796008365'123456;  // 2026-11-30 03:12:45

std::string FolderAt(const std::string& text, std::optional<int64_t> micros) {
  const auto path = PathTemplate::Parse(text);
  EXPECT_TRUE(path.ok()) << path.status();
  return path.ok() ? path->FolderOf(path->PartitionOf(micros)) : "";
}

TEST(PathTemplate, WritesTheTimeInUtc) {
  EXPECT_EQ(FolderAt("dt={date}", kMicros), "dt=2026-11-30/");
  EXPECT_EQ(FolderAt("dt={date}/hour={hour}/", kMicros), "dt=2026-11-30/hour=03/");
  EXPECT_EQ(FolderAt("{year}/{month}/{day}/{hour}-{minute}-{second}", kMicros),
            "2026/11/30/03-12-45/");
  EXPECT_EQ(FolderAt("y={year}/m={month}", kMicros), "y=2026/m=11/");
  EXPECT_EQ(FolderAt("all", kMicros), "all/");
  EXPECT_EQ(FolderAt("", kMicros), "");
}

TEST(PathTemplate, TimesBefore1970BelongToTheirDay) {
  EXPECT_EQ(FolderAt("dt={date}/h={hour}", -1), "dt=1969-12-31/h=23/");
  EXPECT_EQ(FolderAt("dt={date}/h={hour}", 0), "dt=1970-01-01/h=00/");
  EXPECT_EQ(FolderAt("dt={date}", -62135596800'000000), "dt=0001-01-01/");
}

TEST(PathTemplate, RecordsOfOneUnitShareAPartition) {
  const auto path = *PathTemplate::Parse("dt={date}/hour={hour}");
  EXPECT_EQ(path.PartitionOf(kMicros), path.PartitionOf(kMicros - 765'000'000));
  EXPECT_NE(path.PartitionOf(kMicros), path.PartitionOf(kMicros - 766'000'000));
}

TEST(PathTemplate, RecordsWithoutATimeHaveHivesFolder) {
  EXPECT_EQ(FolderAt("dt={date}/hour={hour}", std::nullopt),
            "dt=__HIVE_DEFAULT_PARTITION__/hour=__HIVE_DEFAULT_PARTITION__/");
  EXPECT_EQ(FolderAt("all", std::nullopt), "all/");
}

TEST(PathTemplate, RefusesWhatIsAmbiguousOrHidden) {
  for (const char* text :
       {"dt={data}", "{", "a}", "{date", "hour={hour}", "{day}", "{year}/{day}", "{date}/{minute}",
        "{date}/{hour}/{second}", "a//b", "/a", "../a", "a/.", "_dt={date}", ".dt={date}"}) {
    const auto path = PathTemplate::Parse(text);
    EXPECT_TRUE(absl::IsInvalidArgument(path.status())) << text << path.status();
    EXPECT_THAT(path.status().ToString(), HasSubstr("path=")) << text;
  }
}

}  // namespace
}  // namespace millrace::lake
