#include "formats/json_value.h"

#include <gtest/gtest.h>

#include <string>

namespace millrace {
namespace {

// The value as JSON, or "!" if it is none.
std::string Parsed(std::string_view text) {
  JsonValueParser parser;
  Value value;
  if (!parser.Parse(text, &value)) return "!";
  ByteBuffer json;
  AppendJsonValue(json, value);
  return std::string(json.view());
}

TEST(JsonValueParser, ReadsValuesOfEachKind) {
  EXPECT_EQ(Parsed(R"({"a": [1, 2.50]})"), R"({"a": [1, 2.50]})");
  EXPECT_EQ(Parsed("[]"), "[]");
  EXPECT_EQ(Parsed(" \"a\\u00e9\" "), "\"a\\u00e9\"");
  EXPECT_EQ(Parsed("12"), "12");
  EXPECT_EQ(Parsed("-0.10"), "-0.10");
  EXPECT_EQ(Parsed("123456789012345678901"), "123456789012345678901");
  EXPECT_EQ(Parsed("true"), "true");
  EXPECT_EQ(Parsed("null"), "null");
  EXPECT_EQ(Parsed("NaN"), "null");
}

TEST(JsonValueParser, PutsObjectsOnOneLine) {
  EXPECT_EQ(Parsed("{\n  \"a\": NaN,\r\n  \"b\": \"x\\ny\"\n}\n"),
            R"({  "a": null,  "b": "x\ny"})");
}

TEST(JsonValueParser, RejectsAnythingButASingleValue) {
  for (const std::string_view text :
       {"", " \n", "{", "{\"a\":1", "[1,]", "1,\"b\":2", "{}{}", "{} x", "'a'", "abc", "\"a", "tru",
        "01", "1.", "\xff", "{\"a\":\"\xc3\"}", "\"a\nb\""}) {
    EXPECT_EQ(Parsed(text), "!") << text;
  }
  EXPECT_EQ(Parsed(std::string(100, '[') + std::string(100, ']')), "!");
}

TEST(JsonValueParser, CanBeReused) {
  JsonValueParser parser;
  Value value;
  EXPECT_TRUE(parser.Parse(R"({"a":"\u00e9\ud800"})", &value));
  EXPECT_FALSE(parser.Parse("{", &value));
  EXPECT_TRUE(parser.Parse("[2]", &value));
  EXPECT_EQ(value.text, "[2]");
}

}  // namespace
}  // namespace millrace
