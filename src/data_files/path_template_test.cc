#include "data_files/path_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/strings.h"

namespace millrace::data_files {
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

TEST(PathTemplate, AMonthOrAYearIsOnePartition) {
  constexpr int64_t kFirst = 1793491200'000000;  // 2026-11-01
  const auto month = *PathTemplate::Parse("y={year}/m={month}");
  EXPECT_EQ(month.PartitionOf(kMicros), month.PartitionOf(kFirst));
  EXPECT_NE(month.PartitionOf(kFirst), month.PartitionOf(kFirst - 1));
  const auto year = *PathTemplate::Parse("{year}");
  EXPECT_EQ(year.PartitionOf(kMicros), year.PartitionOf(kFirst - 304 * 86'400'000'000));
  EXPECT_NE(year.PartitionOf(kMicros), year.PartitionOf(kFirst - 304 * 86'400'000'000 - 1));
  EXPECT_EQ(FolderAt("y={year}", -1), "y=1969/");
}

TEST(PathTemplate, RecordsWithoutATimeHaveHivesFolder) {
  EXPECT_EQ(FolderAt("dt={date}/hour={hour}", std::nullopt),
            "dt=__HIVE_DEFAULT_PARTITION__/hour=__HIVE_DEFAULT_PARTITION__/");
  EXPECT_EQ(FolderAt("all", std::nullopt), "all/");
  EXPECT_EQ(FolderAt("{year}/{month}-{day}", std::nullopt),
            "no_time/no_time-__HIVE_DEFAULT_PARTITION__/");
}

std::string DaysIn(const std::string& text, std::string_view folder) {
  const auto days = PathTemplate::Parse(text)->DaysOf(folder);
  return days ? StrCat(days->first, " ", days->last) : "any";
}

TEST(PathTemplate, KnowsTheDaysOfAFolder) {
  EXPECT_EQ(DaysIn("dt={date}", "dt=1970-01-02/"), "1 1");
  EXPECT_EQ(DaysIn("dt={date}", "dt=1969-12-31/"), "-1 -1");
  EXPECT_EQ(DaysIn("dt={date}/hour={hour}", "dt=1970-01-02/hour=23/"), "1 1");
  EXPECT_EQ(DaysIn("{year}/{month}", "1970/02/"), "31 58");
  EXPECT_EQ(DaysIn("y={year}", "y=1971/"), "365 729");
  EXPECT_EQ(DaysIn("{year}/{month}/{day}", "1970/01/31/"), "30 30");
  EXPECT_EQ(DaysIn("dt={date}/hour={hour}",
                   "dt=__HIVE_DEFAULT_PARTITION__/hour=__HIVE_DEFAULT_PARTITION__/"),
            "0 -1");
}

TEST(PathTemplate, AnyDayMayBeInOtherFolders) {
  EXPECT_EQ(DaysIn("all", "all/"), "any");
  EXPECT_EQ(DaysIn("", ""), "any");
  for (const char* folder : {"", "dt=1970-01-02", "dt=1970-01-02/more/", "dt=1970-1-2/", "dt=x/",
                             "1970-01-02/", "dt=1970-13-02/", "dt=0000-01-01/"}) {
    EXPECT_EQ(DaysIn("dt={date}", folder), "any") << folder;
  }
}

TEST(PathTemplate, TheFolderOfATimeHasItsDay) {
  for (const char* text : {"{date}", "a{year}b/{month}-{day}", "{date}/{hour}-{minute}-{second}",
                           "y={year}", "{year}/{month}"}) {
    const auto path = *PathTemplate::Parse(text);
    for (int64_t day = -800; day < 20'000; day += 7) {
      const auto days = path.DaysOf(path.FolderOf(path.PartitionOf(day * 86'400'000'000 + 5)));
      ASSERT_TRUE(days.has_value()) << text;
      EXPECT_TRUE(days->first <= day && day <= days->last) << text << day;
    }
  }
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
}  // namespace millrace::data_files
