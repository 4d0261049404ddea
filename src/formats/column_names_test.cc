#include "formats/column_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(UniqueColumnNames, KeepsUniqueNames) {
  std::vector<RenamedColumn> renamed;
  EXPECT_THAT(UniqueColumnNames({"a", "b", "A"}, renamed), ElementsAre("a", "b", "A"));
  EXPECT_THAT(renamed, IsEmpty());
}

TEST(UniqueColumnNames, NumbersTheSecondAndLaterOnes) {
  std::vector<RenamedColumn> renamed;
  EXPECT_THAT(UniqueColumnNames({"a", "a", "b", "a"}, renamed),
              ElementsAre("a", "a_2", "b", "a_3"));
  EXPECT_THAT(renamed, ElementsAre(RenamedColumn{"a", "a_2"}, RenamedColumn{"a", "a_3"}));
}

TEST(UniqueColumnNames, NeverTakesTheNameOfAnotherColumn) {
  std::vector<RenamedColumn> renamed;
  EXPECT_THAT(UniqueColumnNames({"a", "a", "a_2", ""}, renamed),
              ElementsAre("a", "a_3", "a_2", "column_4"));
  EXPECT_THAT(renamed, ElementsAre(RenamedColumn{"a", "a_3"}));
  EXPECT_THAT(UniqueColumnNames({"", "column_1"}, renamed), ElementsAre("column_1_2", "column_1"));
}

}  // namespace
}  // namespace millrace
