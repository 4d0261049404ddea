#include "connectors/snowflake/repeated_keys.h"

#include <gtest/gtest.h>

namespace millrace::snowflake {
namespace {

TEST(RepeatedKeysTest, AreFoundInNestedObjects) {
  EXPECT_EQ(FindRepeatedKey(R"({"a":{"b":1,"c":2,"b":3}})"), "b");
  EXPECT_EQ(FindRepeatedKey(R"({"a":[1,{"x":{"k":"{"},"x":[]}]})"), "x");
  EXPECT_EQ(FindRepeatedKey(R"({"a":{"kä":1,"k\u00e4":2}})"), "kä");
  EXPECT_EQ(FindRepeatedKey(R"({"a":{"q\"":1,"q\"":2}})"), "q\"");
}

TEST(RepeatedKeysTest, AreNoKeysOfDifferentObjectsAndNoValues) {
  for (const char* json :
       {R"({})", R"({"a":1})", R"({"a":{"a":{"a":1}},"b":{"a":2}})", R"({"a":[{"b":1},{"b":1}]})",
        R"({"a":{"b":"b","c":"b"}})", R"({"a":{"b":"\"b\":1,\"b\":","c":["b","b"]}})",
        R"({"a":"{\"b\":1,\"b\":2}"})", R"({"a":{"b":"\\","c":"\\"}})",
        R"({"a":{}, "b":[[],[]]})"}) {
    EXPECT_EQ(FindRepeatedKey(json), "") << json;
  }
}

}  // namespace
}  // namespace millrace::snowflake
