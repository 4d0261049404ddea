#include "init/file_names.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(NameFromUriTest, OmitsDatesNumbersAndGeneratedNames) {
  EXPECT_EQ(NameFromUri("/d/wikipedia_edits_2015-09-12.ndjson.gz"), "wikipedia_edits");
  EXPECT_EQ(NameFromUri("/d/airline_ontime_2014-01.snappy.parquet"), "airline_ontime");
  EXPECT_EQ(NameFromUri("/d/PageViews.csv"), "page_views");
  EXPECT_EQ(NameFromUri("gs://b/game_spin/dt=2024-01-01/part-00000-c000.snappy.parquet"),
            "game_spin");
  EXPECT_EQ(NameFromUri("/2024/01.csv"), "event");
  EXPECT_EQ(NameFromUri("part-0.parquet"), "event");
  EXPECT_EQ(NameFromUri(""), "event");
}

TEST(PrefixForTest, TheFolderIfItsFilesLookAlike) {
  EXPECT_EQ(PrefixFor("/d/part-0.parquet", {}), "/d/");
  EXPECT_EQ(PrefixFor("/d/part-0.parquet", {"/d/part-1.parquet", "/d/x/part-2.parquet"}), "/d/");
}

TEST(PrefixForTest, TheFolderOfThePartitions) {
  EXPECT_EQ(PrefixFor("gs://b/e/y=2024/d=01/part-0.csv", {"gs://b/e/y=2023/d=02/part-7.csv"}),
            "gs://b/e/");
  EXPECT_EQ(PrefixFor("d=01/part-0.csv", {"d=01/part-1.csv"}), "d=01/");
  EXPECT_EQ(PrefixFor("/e/d=01/part-0.csv", {"/e/d=02/README.md"}), "/e/d=01/");
  EXPECT_EQ(PrefixFor("/e/d=01/part-0.csv", {"/e/d=01/README.md"}), "/e/d=01/part-");
}

TEST(PrefixForTest, TheBeginningOfTheNameIfThereAreOtherFiles) {
  EXPECT_EQ(PrefixFor("/d/edits_2015.csv", {"/d/edits_2016.csv", "/d/README.md"}), "/d/edits_");
}

TEST(PrefixForTest, TheFileItselfIfOthersBeginLikeIt) {
  EXPECT_EQ(PrefixFor("/d/edits_2015.csv", {"/d/edits_2015.parquet"}), "/d/edits_2015.csv");
}

}  // namespace
}  // namespace millrace
