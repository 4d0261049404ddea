#include "base/pluralize.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(Pluralize, NumbersHaveCommas) {
  EXPECT_EQ(WithCommas(0), "0");
  EXPECT_EQ(WithCommas(999), "999");
  EXPECT_EQ(WithCommas(1000), "1,000");
  EXPECT_EQ(WithCommas(1234567), "1,234,567");
}

TEST(Pluralize, OneIsNotMany) {
  EXPECT_EQ(Pluralize(0, "row"), "0 rows");
  EXPECT_EQ(Pluralize(1, "row"), "1 row");
  EXPECT_EQ(Pluralize(2, "row"), "2 rows");
  EXPECT_EQ(Pluralize(1234, "row"), "1,234 rows");
  EXPECT_EQ(Pluralize(1, "try", "tries"), "1 try");
  EXPECT_EQ(Pluralize(3, "try", "tries"), "3 tries");
}

}  // namespace
}  // namespace millrace
