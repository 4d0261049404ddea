#include "sandbox/where_expression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace millrace::sandbox {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

// "undefined", the JSON of the value, or the error.
std::string Value(std::string_view text) {
  static const Json kProperties = Json::parse(
      R"({"n":7,"half":0.5,"s":"text","t":"true","f":"false","empty":"","yes":true,"no":false,
          "null":null,"list":["a",2,true],"$city":"Oslo","digits":" 42 ","o":{"a":1}})");
  const absl::StatusOr<WhereExpression> parsed = WhereExpression::Parse(text);
  if (!parsed.ok()) return std::string(parsed.status().message());
  const absl::StatusOr<Json> value =
      parsed->Evaluate([&](ValuesOf of, std::string_view name) -> Json {
        if (of == ValuesOf::kEvent) return name == "$time" ? Json(1'700'000'000) : Json("event");
        if (of == ValuesOf::kUser) return StrCat("user's ", name);
        const auto found = kProperties.find(std::string(name));
        return found == kProperties.end() ? WhereExpression::Undefined() : *found;
      });
  if (!value.ok()) return std::string(value.status().message());
  return value->is_discarded() ? "undefined" : value->dump();
}

TEST(WhereExpression, ReadsValuesAndLiterals) {
  EXPECT_EQ(Value(R"(properties["n"])"), "7");
  EXPECT_EQ(Value(R"(properties['$city'])"), R"("Oslo")");
  EXPECT_EQ(Value(R"(properties["none"])"), "undefined");
  EXPECT_EQ(Value(R"(user["$email"])"), R"("user's $email")");
  EXPECT_EQ(Value(R"(event["$time"])"), "1700000000");
  EXPECT_EQ(Value(R"("a \"b\" \\")"), R"("a \"b\" \\")");
  EXPECT_EQ(Value("1.5e3"), "1500.0");
  EXPECT_EQ(Value(".5"), "0.5");
  EXPECT_EQ(Value("true"), "true");
  EXPECT_EQ(Value("[1, \"a\", [true]]"), R"([1.0,"a",[true]])");
}

TEST(WhereExpression, CalculatesWithNumbersOnly) {
  EXPECT_EQ(Value("1 + 2 * 3 - 4 / 8"), "6.5");
  EXPECT_EQ(Value("(1 + 2) * 3"), "9.0");
  EXPECT_EQ(Value("10 - 2 - 3"), "5.0");
  EXPECT_EQ(Value("-7 % 4"), "-3.0");
  EXPECT_EQ(Value("7 % -4"), "3.0");
  EXPECT_EQ(Value("--2"), "2.0");
  EXPECT_EQ(Value(R"("a" + "b")"), R"("ab")");
  for (const char* text : {R"(1 + "a")", R"("a" - "b")", "1 / 0", "1 % 0", "true * 2",
                           R"(properties["none"] + 1)", R"(-"a")", "1e308 * 10"}) {
    EXPECT_EQ(Value(text), "undefined") << text;
  }
  EXPECT_EQ(Value("floor(1.7)"), "1.0");
  EXPECT_EQ(Value("ceil(1.2)"), "2.0");
  EXPECT_EQ(Value("round(-1.5)"), "-2.0");
  EXPECT_EQ(Value(R"(floor("1.7"))"), "undefined");
}

TEST(WhereExpression, ComparesEqualTypes) {
  EXPECT_EQ(Value(R"(properties["n"] == 7)"), "true");
  EXPECT_EQ(Value(R"(properties["n"] == "7")"), "false");
  EXPECT_EQ(Value(R"(properties["n"] != "7")"), "true");
  EXPECT_EQ(Value(R"(properties["none"] == 7)"), "false");
  EXPECT_EQ(Value(R"(properties["none"] != 7)"), "true");
  EXPECT_EQ(Value(R"(properties["null"] == false)"), "false");
  EXPECT_EQ(Value(R"(properties["n"] >= 7.0)"), "true");
  EXPECT_EQ(Value(R"(properties["n"] < 7)"), "false");
  EXPECT_EQ(Value(R"("2023-01-02" > "2023-01-01")"), "true");
  EXPECT_EQ(Value(R"(properties["n"] < "8")"), "undefined");
  EXPECT_EQ(Value("true > false"), "undefined");
  EXPECT_EQ(Value(R"(properties["none"] > 1)"), "undefined");
  EXPECT_EQ(Value("1 < 2 == true"), "true");
}

TEST(WhereExpression, LooksIntoTextsAndLists) {
  EXPECT_EQ(Value(R"("ex" in properties["s"])"), "true");
  EXPECT_EQ(Value(R"("x" in "abc")"), "false");
  EXPECT_EQ(Value(R"(properties["n"] in [1,7])"), "true");
  EXPECT_EQ(Value(R"(properties["n"] in ["7"])"), "false");
  EXPECT_EQ(Value(R"("a" in properties["list"])"), "true");
  EXPECT_EQ(Value(R"(properties["none"] in [1])"), "false");
  EXPECT_EQ(Value(R"(1 in "1")"), "undefined");
  EXPECT_EQ(Value(R"(any(X, properties["list"], X == 2))"), "true");
  EXPECT_EQ(Value(R"(any(X, properties["list"], X == "b"))"), "false");
  EXPECT_EQ(Value(R"(any(X, properties["n"], X == 7))"), "undefined");
  EXPECT_EQ(Value(R"(any(X, [1,2], any(Y, [3], X + Y == 5)))"), "true");
  EXPECT_EQ(Value(R"(has_prefix(properties["s"], "te") and has_suffix("abc", "bc"))"), "true");
  EXPECT_EQ(Value(R"(has_prefix(1, "1"))"), "undefined");
}

TEST(WhereExpression, CombinesTruths) {
  EXPECT_EQ(Value("true or false and false"), "true");
  EXPECT_EQ(Value("not false and true"), "true");
  EXPECT_EQ(Value("not 1 == 2"), "true");
  EXPECT_EQ(Value(R"(not defined(properties["none"]))"), "true");
  EXPECT_EQ(Value(R"(not properties["none"])"), "true");
  EXPECT_EQ(Value(R"(not "a")"), "undefined");
  EXPECT_EQ(Value(R"(properties["none"] or true)"), "true");
  EXPECT_EQ(Value(R"(properties["none"] and true)"), "false");
  EXPECT_EQ(Value("false and 1"), "false");
  EXPECT_THAT(Value("true and 1"), HasSubstr("an operand of and is a number, not a boolean"));
  EXPECT_THAT(Value(R"("a" or true)"), HasSubstr("an operand of or is a string, not a boolean"));
  EXPECT_EQ(Value(R"(defined(properties["null"]))"), "true");
}

TEST(WhereExpression, CastsValues) {
  EXPECT_EQ(Value(R"(string(properties["n"]))"), R"("7")");
  EXPECT_EQ(Value(R"(string(7.0))"), R"("7")");
  EXPECT_EQ(Value(R"(string(properties["half"]))"), R"("0.5")");
  EXPECT_EQ(Value(R"(string(true))"), R"("true")");
  EXPECT_EQ(Value(R"(string(properties["null"]))"), "null");
  EXPECT_EQ(Value(R"(string(properties["none"]))"), "undefined");
  EXPECT_EQ(Value(R"(number(properties["digits"]))"), "42.0");
  EXPECT_EQ(Value(R"(number("12x"))"), "undefined");
  EXPECT_EQ(Value("number(true)"), "1.0");
  EXPECT_EQ(Value(R"(number(properties["null"]))"), "undefined");
  EXPECT_EQ(Value(R"(boolean(properties["t"]))"), "true");
  EXPECT_EQ(Value(R"(boolean(properties["f"]))"), "false");
  EXPECT_EQ(Value(R"(boolean(properties["empty"]))"), "false");
  EXPECT_EQ(Value("boolean(0)"), "false");
  EXPECT_EQ(Value(R"(boolean(properties["none"]))"), "false");
  EXPECT_EQ(Value(R"(datetime("2023-11-14T22:13:20"))"), "1700000000");
  EXPECT_EQ(Value(R"(datetime("2023-11-14"))"), "1699920000");
  EXPECT_EQ(Value("datetime(1700000000)"), "1700000000.0");
  EXPECT_EQ(Value(R"(datetime("yesterday"))"), "undefined");
  EXPECT_EQ(Value(R"(event["$time"] >= datetime("2023-11-14T22:13:20"))"), "true");
}

TEST(WhereExpression, SaysWhatIsWrong) {
  EXPECT_EQ(Value(""), "invalid expression: at character 1: expected a value");
  EXPECT_EQ(Value("x"), "invalid expression: at character 1: unknown name x");
  EXPECT_EQ(Value("1 2"), "invalid expression: at character 3: expected an operator");
  EXPECT_EQ(Value("(1"), "invalid expression: at character 3: expected )");
  EXPECT_EQ(Value("properties[1]"),
            "invalid expression: at character 12: expected a name in quotes");
  EXPECT_EQ(Value("\"abc"), "invalid expression: at character 1: the text has no end");
  EXPECT_EQ(Value("1 = 2"), "invalid expression: at character 3: unexpected character");
  EXPECT_EQ(Value("12abc"), "invalid expression: at character 1: not a number");
  EXPECT_EQ(Value("floor()"), "invalid expression: at character 7: expected a value");
  EXPECT_EQ(Value("[1 2]"), "invalid expression: at character 4: expected ,");
  EXPECT_EQ(Value("any(1, [], true)"), "invalid expression: at character 5: expected a name");
  EXPECT_THAT(Value("any(X, [1], true) and X"), HasSubstr("unknown name X"));
}

TEST(WhereExpression, IsBounded) {
  const std::string open(60, '(');
  const std::string close(60, ')');
  EXPECT_EQ(Value(StrCat(open, "1", close)), "1.0");
  for (const std::string& deep :
       {std::string(100, '('), std::string(100, '[') + std::string(100, ']'),
        std::string(100, '-') + "1"}) {
    EXPECT_THAT(Value(deep), HasSubstr("nested too deeply")) << deep.substr(0, 5);
  }
  std::string nots;
  std::string sum = "1";
  for (int i = 0; i < 100; ++i) nots += "not ";
  for (int i = 0; i < 1001; ++i) sum += "+1";
  EXPECT_THAT(Value(nots + "true"), HasSubstr("nested too deeply"));
  EXPECT_THAT(Value(sum), HasSubstr("too many operators"));
  EXPECT_EQ(Value(sum.substr(2)), "1001.0");
  EXPECT_THAT(Value(std::string(20'000, ' ') + "1"), HasSubstr("longer than 16384 bytes"));
}

}  // namespace
}  // namespace millrace::sandbox
