#include "stores/key_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace millrace {
namespace {

std::vector<std::string> Named(KeyFilter filter, const std::vector<std::string>& keys) {
  std::vector<std::string> named;
  for (const std::string& key : keys) {
    if (filter.Accepts(key)) named.push_back(key);
  }
  return named;
}

TEST(KeyFilterTest, PushesThePrefixDown) {
  EXPECT_EQ(KeyFilter::Below("").prefix(), "");
  EXPECT_EQ(KeyFilter::Below("events/").prefix(), "events/");
  EXPECT_EQ(KeyFilter::Below("e[12]*/").prefix(), "e[12]*/");
  EXPECT_EQ(KeyFilter("events/day=2*/part-?.csv").prefix(), "events/day=2");
  EXPECT_EQ(KeyFilter("**/*.csv").prefix(), "");
  EXPECT_EQ(KeyFilter("a/b[12]/c").prefix(), "a/b");
}

TEST(KeyFilterTest, NamesWhatTheGlobMatches) {
  const std::vector<std::string> keys = {"_x/a.csv", "a.csv",     "b/",       "b/.h.csv",
                                         "b/1.csv",  "b/c/2.csv", "b/c/3.txt"};
  using testing::ElementsAre;
  EXPECT_THAT(Named(KeyFilter("b/**.csv"), keys), ElementsAre("b/1.csv", "b/c/2.csv"));
  EXPECT_THAT(Named(KeyFilter("b/*.csv"), keys), ElementsAre("b/1.csv"));
  EXPECT_THAT(Named(KeyFilter("_x/*"), keys), ElementsAre("_x/a.csv"));
  EXPECT_THAT(Named(KeyFilter("b/.*"), keys), ElementsAre("b/.h.csv"));
}

TEST(KeyFilterTest, NamesWhatIsBelowAFolder) {
  const std::vector<std::string> keys = {"_x/a.csv", "a.csv",     "b/",        "b/.h.csv",
                                         "b/1.csv",  "b/c/2.csv", "b/c/3.txt", "b1/x",
                                         "b[1]/",    "b[1]/x",    "b[1]/y/z",  "b[1]/.h"};
  using testing::ElementsAre;
  EXPECT_THAT(Named(KeyFilter::Below("b/"), keys),
              ElementsAre("b/1.csv", "b/c/2.csv", "b/c/3.txt"));
  EXPECT_THAT(Named(KeyFilter::Below("b[1]/"), keys), ElementsAre("b[1]/x", "b[1]/y/z"));
  EXPECT_THAT(
      Named(KeyFilter::Below(""), keys),
      ElementsAre("a.csv", "b/1.csv", "b/c/2.csv", "b/c/3.txt", "b1/x", "b[1]/x", "b[1]/y/z"));
}

TEST(KeyFilterTest, SkipsFoldersInWhichNothingIsNamed) {
  KeyFilter filter("logs/2*/x.csv");
  EXPECT_TRUE(filter.Accepts("logs/21/x.csv"));
  EXPECT_EQ(filter.NextPossible(), "");
  EXPECT_FALSE(filter.Accepts("logs/21/y/z/x.csv"));
  EXPECT_EQ(filter.NextPossible(), "logs/21/y0");
  EXPECT_FALSE(filter.Accepts("logs/22/a.csv"));
  EXPECT_EQ(filter.NextPossible(), "");
  KeyFilter folder = KeyFilter::Below("");
  EXPECT_FALSE(folder.Accepts("_temporary/0/x"));
  EXPECT_EQ(folder.NextPossible(), "_temporary0");
}

}  // namespace
}  // namespace millrace
