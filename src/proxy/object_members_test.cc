#include "proxy/object_members.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "base/strings.h"

namespace millrace::proxy {
namespace {

using ::testing::ElementsAre;

class ObjectMembersTest : public testing::Test {
 protected:
  bool Add(const std::string& key) {
    const auto place = keys_.insert(key).first;
    return members_.Add(*place, *place) != nullptr;
  }
  // Places of the members that count.
  std::vector<size_t> Kept() const {
    std::vector<size_t> kept;
    for (size_t i = 0; i < members_.members().size(); ++i) {
      if (!members_.members()[i].is_dropped) kept.push_back(i);
    }
    return kept;
  }

  std::set<std::string> keys_;
  ObjectMembers members_;
};

TEST_F(ObjectMembersTest, TheLastOfEqualKeysCounts) {
  for (const char* key : {"a", "", "b", "a", "xyz", "ayz", "", "a"}) EXPECT_TRUE(Add(key));
  EXPECT_THAT(Kept(), ElementsAre(2, 4, 5, 6, 7));
}

TEST_F(ObjectMembersTest, AlsoOfManyKeysAndInEachObject) {
  for (const size_t count : {20u, 32u, 33u, 100u, 31u, 1000u, 40u}) {
    members_.clear();
    for (size_t i = 0; i < count; ++i) EXPECT_TRUE(Add(StrCat("key", i)));
    for (size_t i = 0; i < count; ++i) EXPECT_TRUE(Add(StrCat("key", i)));
    EXPECT_TRUE(Add("key0"));
    const std::vector<size_t> kept = Kept();
    ASSERT_EQ(kept.size(), count);
    EXPECT_EQ(kept.front(), count + 1);
    EXPECT_EQ(kept.back(), 2 * count);
  }
}

TEST_F(ObjectMembersTest, ThereIsALimit) {
  for (size_t i = 0; i < ObjectMembers::kMaxKeys; ++i) ASSERT_TRUE(Add(StrCat(i)));
  EXPECT_FALSE(Add("one more"));
}

}  // namespace
}  // namespace millrace::proxy
