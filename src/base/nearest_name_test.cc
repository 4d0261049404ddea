#include "base/nearest_name.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace millrace {
namespace {

const std::vector<std::string_view> kNames = {"source_field", "mixpanel_field", "type"};

TEST(NearestName, FindsTypos) {
  EXPECT_EQ(NearestName("sorce_field", kNames), "source_field");
  EXPECT_EQ(NearestName("Source_Field", kNames), "source_field");
  EXPECT_EQ(NearestName("mixpanelfield", kNames), "mixpanel_field");
  EXPECT_EQ(NearestName("typo", kNames), "type");
}

TEST(NearestName, DoesNotGuessWildly) {
  EXPECT_EQ(NearestName("", kNames), "");
  EXPECT_EQ(NearestName("x", kNames), "");
  EXPECT_EQ(NearestName("destination", kNames), "");
  EXPECT_EQ(NearestName(std::string(100000, 'x'), kNames), "");
  EXPECT_EQ(NearestName("type", {}), "");
}

TEST(Suggestion, NamesTheNearestOrAll) {
  EXPECT_EQ(Suggestion("typ", kNames), "; did you mean \"type\"?");
  EXPECT_EQ(Suggestion("destination", kNames), "; write one of source_field, mixpanel_field, type");
}

}  // namespace
}  // namespace millrace
