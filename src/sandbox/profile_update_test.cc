#include "sandbox/profile_update.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace millrace::sandbox {
namespace {

using ::testing::HasSubstr;

// What `properties` become by the operations, given as members of a record; "gone" if deleted.
std::string Applied(std::string_view operations, std::optional<std::string> properties = {}) {
  const auto update = ProfileUpdate::Parse(
      StrCat(R"({"$token":"t","$distinct_id":"u",)", operations, "}"), ProfileKind::kUser);
  if (!update.ok()) return update.status().ToString();
  return update->Apply(properties).value_or("gone");
}

TEST(ProfileUpdate, AppliesEachOperation) {
  EXPECT_EQ(Applied(R"("$set":{"a":1})"), R"({"a":1})");
  EXPECT_EQ(Applied(R"("$set":{"a":1,"b":"x"})", R"({"a":0,"c":2})"), R"({"a":1,"c":2,"b":"x"})");
  EXPECT_EQ(Applied(R"("$set_once":{"a":1,"b":2})", R"({"a":0})"), R"({"a":0,"b":2})");
  EXPECT_EQ(Applied(R"("$add":{"a":2,"b":-1.5})", R"({"a":40})"), R"({"a":42,"b":-1.5})");
  EXPECT_EQ(Applied(R"("$append":{"a":1,"b":2,"c":3})", R"({"a":[0],"b":1})"),
            R"({"a":[0,1],"b":[1,2],"c":[3]})");
  EXPECT_EQ(Applied(R"("$union":{"a":[1,2],"b":["x","x"]})", R"({"a":[2,3]})"),
            R"({"a":[2,3,1],"b":["x"]})");
  EXPECT_EQ(Applied(R"("$remove":{"a":2,"b":1,"c":1})", R"({"a":[1,2,3],"b":1})"),
            R"({"a":[1,3],"b":1})");
  EXPECT_EQ(Applied(R"("$unset":["a","x"])", R"({"a":1,"b":2})"), R"({"b":2})");
  EXPECT_EQ(Applied(R"("$delete":"")", R"({"a":1})"), "gone");
  EXPECT_EQ(Applied(R"("$delete":null)"), "gone");
}

TEST(ProfileUpdate, AppliesSeveralOperationsOfOneRecord) {
  EXPECT_EQ(Applied(R"("$add":{"n":1},"$set":{"n":4},"$unset":["x"])", R"({"x":1})"), R"({"n":5})");
}

TEST(ProfileUpdate, KeepsLargeNumbers) {
  EXPECT_EQ(Applied(R"("$set":{"id":9007199254740993})"), R"({"id":9007199254740993})");
  EXPECT_EQ(Applied(R"("$add":{"n":1})", R"({"n":9223372036854775807})"),
            R"({"n":9.223372036854776e+18})");
}

TEST(ProfileUpdate, ReadsTheIdOfItsProfile) {
  const auto number =
      ProfileUpdate::Parse(R"({"$token":"t","$distinct_id":12,"$set":{}})", ProfileKind::kUser);
  ASSERT_TRUE(number.ok());
  EXPECT_EQ(number->key(), (ProfileKey{ProfileKind::kUser, "", "12"}));
  const auto group = ProfileUpdate::Parse(
      R"({"$token":"t","$group_key":"company","$group_id":"acme","$set":{}})", ProfileKind::kGroup);
  ASSERT_TRUE(group.ok());
  EXPECT_EQ(group->key(), (ProfileKey{ProfileKind::kGroup, "company", "acme"}));
}

TEST(ProfileUpdate, RefusesBadRecords) {
  struct Case {
    std::string record;
    std::string message;
  };
  std::string deep = "1";
  for (int i = 0; i < 300; ++i) deep = StrCat("[", deep, "]");
  for (const Case& bad : {
           Case{"{", "not valid JSON"},
           Case{"[]", "not a JSON object"},
           Case{R"({"$distinct_id":"u","$set":{}})", "$token, missing or empty"},
           Case{R"({"$token":"","$distinct_id":"u","$set":{}})", "$token, missing or empty"},
           Case{R"({"$token":"t","$set":{}})", "$distinct_id, missing or empty"},
           Case{R"({"$token":"t","$distinct_id":"","$set":{}})", "$distinct_id, missing"},
           Case{R"({"$token":"t","$distinct_id":"u"})", "no operation"},
           Case{R"({"$token":"t","$distinct_id":"u","$set":[]})", "$set is invalid"},
           Case{R"({"$token":"t","$distinct_id":"u","$add":{"a":"1"}})", "an object of numbers"},
           Case{R"({"$token":"t","$distinct_id":"u","$union":{"a":1}})", "an object of lists"},
           Case{R"({"$token":"t","$distinct_id":"u","$unset":{"a":1}})", "a list of names"},
           Case{"{\"$token\":\"t\",\"$distinct_id\":\"\xff\",\"$set\":{}}", "not valid JSON"},
       }) {
    const auto update = ProfileUpdate::Parse(bad.record, ProfileKind::kUser);
    EXPECT_EQ(update.status().code(), absl::StatusCode::kInvalidArgument) << bad.record;
    EXPECT_THAT(update.status().message(), HasSubstr(bad.message)) << bad.record;
  }
  EXPECT_THAT(
      ProfileUpdate::Parse(R"({"$token":"t","$group_id":"g","$set":{}})", ProfileKind::kGroup)
          .status()
          .message(),
      HasSubstr("$group_key, missing or empty"));
}

TEST(SelectProperties, KeepsTheNamedOnes) {
  EXPECT_EQ(*SelectProperties(R"({"a":1,"b":2})", R"(["b","x"])"), R"({"b":2})");
  EXPECT_FALSE(SelectProperties("{}", "a").ok());
  EXPECT_FALSE(SelectProperties("{}", "[1]").ok());
}

}  // namespace
}  // namespace millrace::sandbox
