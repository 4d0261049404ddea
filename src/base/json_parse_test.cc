#include "base/json_parse.h"

#include <nlohmann/json.hpp>

namespace millrace {
namespace {

std::string Nested(int levels) { return std::string(levels, '[') + std::string(levels, ']'); }

TEST(ParseJson, ReadsJsonOnly) {
  EXPECT_EQ(ParseJson(R"({"a": [1, "x"]})")->at("a").at(1), "x");
  EXPECT_EQ(ParseOrderedJson(R"({"b": 1, "a": 2})")->dump(), R"({"b":1,"a":2})");
  for (const char* text : {"", "{", "[1,]", "{} x", "nul"}) {
    EXPECT_FALSE(ParseJson(text).has_value()) << text;
    EXPECT_FALSE(ParseOrderedJson(text).has_value()) << text;
  }
}

TEST(ParseJson, TakesNoPartOfWhatIsNestedTooDeeply) {
  EXPECT_TRUE(ParseJson(Nested(kMaxParseDepth)).has_value());
  for (const int levels : {kMaxParseDepth + 2, 100'000}) {
    EXPECT_FALSE(ParseJson(Nested(levels)).has_value()) << levels;
    EXPECT_FALSE(ParseJson("{\"a\":" + Nested(levels) + "}").has_value()) << levels;
    EXPECT_FALSE(ParseOrderedJson("{\"a\":" + Nested(levels) + "}").has_value()) << levels;
  }
  EXPECT_FALSE(ParseJson(Nested(5), 3).has_value());
}

}  // namespace
}  // namespace millrace
