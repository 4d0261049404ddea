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
using ::testing::SizeIs;

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

TEST_F(ObjectMembersTest, ExpectsTheKeysOfTheLastObject) {
  EXPECT_FALSE(members_.expects_key());
  for (const char* key : {"a", "time", "b"}) EXPECT_TRUE(Add(key));
  members_.clear();
  for (const char* key : {"a", "time", "b"}) {
    ASSERT_TRUE(members_.expects_key());
    EXPECT_EQ(members_.expected_key(), key);
    EXPECT_EQ(members_.AddExpected().key, key);
  }
  EXPECT_FALSE(members_.expects_key());
  EXPECT_EQ(members_.members()[1].known, KnownKey::kTime);
  // Another key ends it, because the keys after it may repeat that one.
  members_.clear();
  members_.AddExpected();
  EXPECT_TRUE(Add("b"));
  EXPECT_FALSE(members_.expects_key());
  EXPECT_TRUE(Add("a"));
  EXPECT_THAT(Kept(), ElementsAre(1, 2));
  // Keys that repeat are not expected.
  members_.clear();
  EXPECT_FALSE(members_.expects_key());
  EXPECT_TRUE(Add("a"));
  members_.Forget();
  EXPECT_FALSE(members_.expects_key());
}

TEST_F(ObjectMembersTest, ManyKeysAfterExpectedOnes) {
  const auto add_all = [&](size_t expected) {
    size_t taken = 0;
    for (size_t i = 0; i < 100; ++i) {
      const std::string key = StrCat("key", i);
      if (members_.expects_key() && members_.expected_key() == key) {
        members_.AddExpected();
        ++taken;
      } else {
        EXPECT_TRUE(Add(key));
      }
    }
    EXPECT_EQ(taken, expected);
  };
  add_all(0);
  EXPECT_THAT(Kept(), SizeIs(100));
  members_.clear();
  add_all(32);
  EXPECT_TRUE(Add("key5"));
  EXPECT_TRUE(Add("key50"));
  EXPECT_THAT(Kept(), SizeIs(100));
  EXPECT_FALSE(members_.members()[6].is_dropped);
  EXPECT_TRUE(members_.members()[5].is_dropped);
  EXPECT_TRUE(members_.members()[50].is_dropped);
}

TEST_F(ObjectMembersTest, ThereIsALimit) {
  for (size_t i = 0; i < ObjectMembers::kMaxKeys; ++i) ASSERT_TRUE(Add(StrCat(i)));
  EXPECT_FALSE(Add("one more"));
}

}  // namespace
}  // namespace millrace::proxy
