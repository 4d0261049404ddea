#include "base/event_identity.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(EventIdentity, DaysAreUtcAlsoBefore1970) {
  EventIdentity identity;
  identity.unix_millis = 86'399'999;
  EXPECT_EQ(identity.day(), 0);
  identity.unix_millis = 86'400'000;
  EXPECT_EQ(identity.day(), 1);
  identity.unix_millis = -1;
  EXPECT_EQ(identity.day(), -1);
  identity.unix_millis = -86'400'000;
  EXPECT_EQ(identity.day(), -1);
}

TEST(EventIdentity, IsReadBackFromItsKey) {
  EventIdentity identity, again;
  identity.Set("Buy \"now\"", "u\n1", -5, "i");
  ASSERT_TRUE(again.SetFromKey(identity.key).ok());
  EXPECT_EQ(again.key, identity.key);
  EXPECT_EQ(again.event, "Buy \"now\"");
  EXPECT_EQ(again.unix_millis, -5);
  for (const char* text : {"", "[]", R"(["e","u",1])", R"(["e","u","1","i"])"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(again.SetFromKey(text))) << text;
  }
}

TEST(EventIdentity, TheUserOrDeviceStandsInForADistinctId) {
  EXPECT_EQ(ResolveDistinctId("a", "u", "d"), "a");
  EXPECT_EQ(ResolveDistinctId("", "u", "d"), "u");
  EXPECT_EQ(ResolveDistinctId("", "", "d"), "$device:d");
  EXPECT_EQ(ResolveDistinctId("", "", ""), "");
}

}  // namespace
}  // namespace millrace
