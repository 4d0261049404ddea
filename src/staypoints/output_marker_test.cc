#include "staypoints/output_marker.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(OutputMarkerTest, OnlyMarkersOfThisCommandAreTaken) {
  EXPECT_TRUE(ParseMarker(kUnfinishedMarker).has_value());
  const auto marker = ParseMarker(R"({"made_by":"millrace staypoints","staypoints":12})");
  ASSERT_TRUE(marker.has_value());
  EXPECT_EQ(marker->staypoints, 12u);
  for (const char* const other :
       {"", "{}", "[]", "{\"made_by\":\"spark\"}", "{\"made_by\":[\"millrace staypoints\"]}",
        "{\"made_by\":\"millrace staypoints\"", "millrace staypoints"}) {
    EXPECT_FALSE(ParseMarker(other).has_value()) << other;
  }
}

TEST(OutputMarkerTest, OnlyNamesThatAreWrittenArePartOfAnOutput) {
  for (const char* const file :
       {"_SUCCESS", "_UNFINISHED", "staypoints.json", "staypoints.csv", "p1=ab/p2=cd/data.parquet",
        "p1=a%2F/p2=__HIVE_DEFAULT_PARTITION__/data.parquet"}) {
    EXPECT_TRUE(IsOutputFile(file)) << file;
  }
  for (const char* const file :
       {"", "notes.txt", "staypoints.json.bak", "p1=ab/data.parquet", "p1=ab/p2=cd/part-0.parquet",
        "p1=ab/p3=cd/data.parquet", "p1=ab/p2=cd/p2=ef/data.parquet", "x/staypoints.json",
        "p1=ab/p2=cd/_SUCCESS", "/data.parquet"}) {
    EXPECT_FALSE(IsOutputFile(file)) << file;
  }
  EXPECT_TRUE(IsOutputFolder("p1=ab"));
  EXPECT_TRUE(IsOutputFolder("p1=/p2="));
  EXPECT_FALSE(IsOutputFolder("p2=ab"));
  EXPECT_FALSE(IsOutputFolder("p1=ab/p2=cd/e"));
}

}  // namespace
}  // namespace millrace
