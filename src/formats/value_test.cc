#include "formats/value.h"

#include <cstdint>
#include <limits>
#include <string>

#include "formats/row.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace millrace {
namespace {

using Kind = Value::Kind;
using Unit = Value::Unit;

std::string Json(const Value& value) {
  ByteBuffer out;
  AppendJsonValue(out, value);
  return std::string(out.view());
}

std::string Plain(const Value& value) {
  ByteBuffer out;
  AppendPlainText(out, value);
  return std::string(out.view());
}

TEST(ValueTest, WritesEachKindAsJson) {
  EXPECT_EQ(Json(Value::Null()), "null");
  EXPECT_EQ(Json(Value::Bool(true)), "true");
  EXPECT_EQ(Json(Value::Bool(false)), "false");
  EXPECT_EQ(Json(Value::Int(INT64_MIN)), "-9223372036854775808");
  EXPECT_EQ(Json(Value::Uint(UINT64_MAX)), "18446744073709551615");
  EXPECT_EQ(Json(Value::Uint(7)), "7");
  EXPECT_EQ(Value::Uint(7).kind, Kind::kInt);
  EXPECT_EQ(Json(Value::Double(0.1)), "0.1");
  EXPECT_EQ(Json(Value::Float(0.1f)), "0.1");
  EXPECT_EQ(Json(Value::Text(Kind::kText, "a\"b\n")), R"("a\"b\n")");
  EXPECT_EQ(Json(Value::Text(Kind::kJsonText, R"(a\"b)")), R"("a\"b")");
  EXPECT_EQ(Json(Value::Text(Kind::kNumber, "1.10")), "1.10");
  EXPECT_EQ(Json(Value::Text(Kind::kJson, R"({"a":[1]})")), R"({"a":[1]})");
  EXPECT_EQ(Json(Value::Text(Kind::kBytes, std::string_view("\0\xff", 2))), R"("AP8=")");
}

TEST(ValueTest, NanAndInfinityAreNull) {
  EXPECT_TRUE(Value::Double(std::numeric_limits<double>::quiet_NaN()).is_null());
  EXPECT_TRUE(Value::Double(std::numeric_limits<double>::infinity()).is_null());
  EXPECT_TRUE(Value::Float(-std::numeric_limits<float>::infinity()).is_null());
}

TEST(ValueTest, WritesPlainText) {
  EXPECT_EQ(Plain(Value::Null()), "null");
  EXPECT_EQ(Plain(Value::Bool(true)), "true");
  EXPECT_EQ(Plain(Value::Int(-5)), "-5");
  EXPECT_EQ(Plain(Value::Text(Kind::kText, "a\"b")), "a\"b");
  EXPECT_EQ(Plain(Value::Text(Kind::kJsonText, R"(\"\\\/\b\f\n\r\t\u00e9\u20AC)")),
            "\"\\/\b\f\n\r\t\u00e9\u20ac");
  EXPECT_EQ(Plain(Value::Text(Kind::kJsonText, R"(x\ud83d\ude00y)")), "x\U0001F600y");
  EXPECT_EQ(Plain(Value::Text(Kind::kJsonText, R"(\ud83d-\ude00)")), "\ufffd-\ufffd");
  EXPECT_EQ(Plain(Value::Text(Kind::kBytes, "hi")), "aGk=");
  EXPECT_EQ(Plain(Value::Timestamp(0, Unit::kSecond, true)), "1970-01-01T00:00:00Z");
}

TEST(ValueTest, WritesTimestampsWithAsFewDigitsAsLoseNothing) {
  EXPECT_EQ(Json(Value::Timestamp(1713921181, Unit::kSecond, true)), R"("2024-04-24T01:13:01Z")");
  EXPECT_EQ(Json(Value::Timestamp(1713921181500, Unit::kMilli, true)),
            R"("2024-04-24T01:13:01.500Z")");
  EXPECT_EQ(Json(Value::Timestamp(1713921181500000, Unit::kMicro, false)),
            R"("2024-04-24T01:13:01.500")");
  EXPECT_EQ(Json(Value::Timestamp(1713921181000001, Unit::kMicro, true)),
            R"("2024-04-24T01:13:01.000001Z")");
  EXPECT_EQ(Json(Value::Timestamp(1713921181000000007, Unit::kNano, true)),
            R"("2024-04-24T01:13:01.000000007Z")");
  EXPECT_EQ(Json(Value::Timestamp(-1, Unit::kMilli, true)), R"("1969-12-31T23:59:59.999Z")");
  EXPECT_EQ(Json(Value::Timestamp(951782400, Unit::kSecond, true)), R"("2000-02-29T00:00:00Z")");
}

TEST(ValueTest, WritesTimestampsOfFarYears) {
  EXPECT_EQ(Plain(Value::Timestamp(253402300800, Unit::kSecond, true)), "+010000-01-01T00:00:00Z");
  EXPECT_EQ(Plain(Value::Timestamp(-62167219201, Unit::kSecond, true)), "-000001-12-31T23:59:59Z");
  EXPECT_EQ(Plain(Value::Timestamp(INT64_MAX, Unit::kSecond, true)),
            "+292277026596-12-04T15:30:07Z");
  EXPECT_EQ(Plain(Value::Timestamp(INT64_MIN, Unit::kNano, true)),
            "1677-09-21T00:12:43.145224192Z");
}

TEST(RowShapeTest, EachShapeHasItsOwnId) {
  const RowShape a = RowShape::Make({"x"});
  const RowShape b = RowShape::Make({"x"});
  EXPECT_NE(a.id, b.id);
  EXPECT_THAT(a.names, testing::ElementsAre("x"));
}

}  // namespace
}  // namespace millrace
