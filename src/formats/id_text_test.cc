#include "formats/id_text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace millrace {
namespace {

std::string Plain(std::string_view json) {
  ByteBuffer out;
  AppendPlainNumber(out, json);
  return std::string(out.view());
}

std::string Id(const Value& value) {
  ByteBuffer scratch;
  return std::string(IdText(value, scratch));
}

Value Number(std::string_view text) { return Value::Text(Value::Kind::kNumber, text); }

TEST(AppendPlainNumber, SpellsWholeNumbersAsTheirDigits) {
  EXPECT_EQ(Plain("12345"), "12345");
  EXPECT_EQ(Plain("12345.0"), "12345");
  EXPECT_EQ(Plain("-12345.000"), "-12345");
  EXPECT_EQ(Plain("1.2345e4"), "12345");
  EXPECT_EQ(Plain("12345E+3"), "12345000");
  EXPECT_EQ(Plain("1234500e-2"), "12345");
  EXPECT_EQ(Plain("123456789012345678901234567890.0"), "123456789012345678901234567890");
  EXPECT_EQ(Plain("0.0"), "0");
  EXPECT_EQ(Plain("-0"), "0");
  EXPECT_EQ(Plain("0e5"), "0");
}

TEST(AppendPlainNumber, SpellsFractionsWithoutExponentAndTrailingZeros) {
  EXPECT_EQ(Plain("1.50"), "1.5");
  EXPECT_EQ(Plain("15e-1"), "1.5");
  EXPECT_EQ(Plain("0.00120"), "0.0012");
  EXPECT_EQ(Plain("-1.5e-3"), "-0.0015");
}

TEST(AppendPlainNumber, IsBounded) {
  EXPECT_EQ(Plain("1e999999999999999999999"), "1e999999999999999999999");
  EXPECT_EQ(Plain("1e100000"), "1e100000");
  EXPECT_EQ(Plain("1e-100000"), "1e-100000");
  EXPECT_EQ(Plain("1e308"), "1" + std::string(308, '0'));
}

TEST(IdText, IsTheSameForOneNumberInEachType) {
  for (const Value& value : {Value::Int(12345), Value::Double(12345), Value::Float(12345),
                             Number("12345.0"), Number("12345.00"), Number("1.2345e4")}) {
    EXPECT_EQ(Id(value), "12345");
  }
  EXPECT_EQ(Id(Value::Double(1e15)), "1000000000000000");
  EXPECT_EQ(Id(Value::Double(1e22)), "10000000000000000000000");
  EXPECT_EQ(Id(Number("1e22")), "10000000000000000000000");
  EXPECT_EQ(Id(Value::Double(1.5)), Id(Number("1.50")));
  EXPECT_EQ(Id(Value::Double(1234567890123456789.0)), "1234567890123456800");
  EXPECT_EQ(Id(Number("1.2345678901234568e+18")), "1234567890123456800");
  EXPECT_EQ(Id(Value::Double(9007199254740994.0)), "9007199254740994");
  EXPECT_EQ(Id(Value::Float(0.1F)), "0.1");
  EXPECT_EQ(Id(Value::Float(16777216.0F)), "16777216");
  EXPECT_EQ(Id(Value::Double(-1e-7)), "-0.0000001");
  EXPECT_EQ(Id(Number("-7")), "-7");
  EXPECT_EQ(Id(Number("18446744073709551616")), "18446744073709551616");
}

TEST(IdText, LeavesTextAsItIs) {
  EXPECT_EQ(Id(Value::Text(Value::Kind::kText, "12345.0")), "12345.0");
  EXPECT_EQ(Id(Value::Text(Value::Kind::kText, "1e3")), "1e3");
  EXPECT_EQ(Id(Value::Text(Value::Kind::kText, " a ")), " a ");
  EXPECT_EQ(Id(Value::Text(Value::Kind::kJsonText, "a\\u0062")), "ab");
}

TEST(IdText, IsEmptyForNullsAndBlanks) {
  EXPECT_EQ(Id(Value::Null()), "");
  EXPECT_EQ(Id(Value::Double(std::nan(""))), "");
  EXPECT_EQ(Id(Value::Text(Value::Kind::kText, "")), "");
  EXPECT_EQ(Id(Value::Text(Value::Kind::kText, " \t")), "");
  EXPECT_EQ(Id(Value::Text(Value::Kind::kJsonText, "\\u0020\\n")), "");
}

}  // namespace
}  // namespace millrace
