#include "objects/hidden_names.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(IsMarkerName, KnowsWhatWritersLeaveNextToData) {
  for (const char* uri : {"gs://b/t/_SUCCESS", "/t/_temporary/", "/t/.part-0.parquet.crc",
                          "/t/_committed_123", "/t/.DS_Store", "/t/_common_metadata"}) {
    EXPECT_TRUE(IsMarkerName(uri)) << uri;
  }
  for (const char* uri : {"/t/_old.csv", "/t/_archive/", "/t/.a.ndjson", "/t/_SUCCESS/"}) {
    EXPECT_FALSE(IsMarkerName(uri)) << uri;
  }
}

TEST(NoteHiddenName, CountsAllAndWarnsOfThoseThatMayContainData) {
  std::atomic<uint64_t> count = 0;
  Warnings warnings;
  NoteHiddenName("/t/_SUCCESS", count, warnings);
  EXPECT_TRUE(warnings.all().empty());
  NoteHiddenName("/t/_a.csv", count, warnings);
  NoteHiddenName("/t/_old/", count, warnings);
  EXPECT_EQ(count, 3);
  ASSERT_EQ(warnings.all().size(), 1);
  EXPECT_EQ(warnings.all()[0].count, 2);
  EXPECT_EQ(warnings.all()[0].first.object, "/t/_a.csv");
}

}  // namespace
}  // namespace millrace
