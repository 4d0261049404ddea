#include "records/record_time.h"

#include <gtest/gtest.h>

#include <optional>

namespace millrace {
namespace {

Value Number(std::string_view digits) { return Value::Text(Value::Kind::kNumber, digits); }
Value Text(std::string_view text) { return Value::Text(Value::Kind::kJsonText, text); }

TEST(UnixMicrosTest, IntegersByMagnitude) {
  EXPECT_EQ(UnixMicros(Value::Int(0)), 0);
  EXPECT_EQ(UnixMicros(Value::Int(1'796'008'365)), 1'796'008'365'000'000);
  EXPECT_EQ(UnixMicros(Value::Int(99'999'999'999)), 99'999'999'999'000'000);
  EXPECT_EQ(UnixMicros(Value::Int(100'000'000'000)), 100'000'000'000'000);
  EXPECT_EQ(UnixMicros(Value::Int(99'999'999'999'999)), 99'999'999'999'999'000);
  EXPECT_EQ(UnixMicros(Value::Int(100'000'000'000'000)), 100'000'000'000'000);
  EXPECT_EQ(UnixMicros(Value::Int(99'999'999'999'999'999)), 99'999'999'999'999'999);
  EXPECT_EQ(UnixMicros(Value::Int(100'000'000'000'000'999)), 100'000'000'000'000);
  EXPECT_EQ(UnixMicros(Value::Int(-1)), -1'000'000);
  EXPECT_EQ(UnixMicros(Value::Int(-100'000'000'000'000'001)), -100'000'000'000'001);
  EXPECT_EQ(UnixMicros(Value::Int(INT64_MIN)), -9'223'372'036'854'776);
  EXPECT_EQ(UnixMicros(Value::Uint(UINT64_MAX)), 18'446'744'073'709'551);
}

TEST(UnixMicrosTest, Fractions) {
  EXPECT_EQ(UnixMicros(Number("1713928381.988")), 1'713'928'381'988'000);
  EXPECT_EQ(UnixMicros(Number("1713928381.9884")), 1'713'928'381'988'400);
  // Up to six digits are exact; more are rounded.
  EXPECT_EQ(UnixMicros(Number("1713928381.000001")), 1'713'928'381'000'001);
  EXPECT_EQ(UnixMicros(Number("3999999999.999999")), 3'999'999'999'999'999);
  EXPECT_EQ(UnixMicros(Number("1713928381.9999996")), 1'713'928'382'000'000);
  EXPECT_EQ(UnixMicros(Number("4000000000.5")), 4'000'000'000'500'000);
  EXPECT_EQ(UnixMicros(Number("99999999999.5")), 99'999'999'999'500'000);
  EXPECT_EQ(UnixMicros(Number("0.5")), 500'000);
  EXPECT_EQ(UnixMicros(Number("1.7960083651234e9")), 1'796'008'365'123'400);
  EXPECT_EQ(UnixMicros(Number("1796008365123.5")), 1'796'008'365'123'500);
  EXPECT_EQ(UnixMicros(Number("-0.5")), -500'000);
  EXPECT_EQ(UnixMicros(Number("-0")), 0);
}

TEST(UnixMicrosTest, Text) {
  EXPECT_EQ(UnixMicros(Text("1796008365123")), 1'796'008'365'123'000);
  EXPECT_EQ(UnixMicros(Text(" 1796008365.5 ")), 1'796'008'365'500'000);
  EXPECT_EQ(UnixMicros(Text("2026-11-30T03:12:45.123456789Z")), 1'796'008'365'123'456);
  EXPECT_EQ(UnixMicros(Text("2026-11-30T04:12:45\\u002b01:00")), 1'796'008'365'000'000);
  EXPECT_EQ(UnixMicros(Text("2026-11-30 03:12:45")), 1'796'008'365'000'000);
  EXPECT_EQ(UnixMicros(Text("1969-12-31T23:59:59.5Z")), -500'000);
}

TEST(UnixMicrosTest, NoTimes) {
  for (const char* const text :
       {"", " ", "now", "04/05/2024", "nan", "inf", "-inf", "1e400", "0x10"}) {
    EXPECT_EQ(UnixMicros(Text(text)), std::nullopt) << text;
  }
  EXPECT_EQ(UnixMicros(Number("123456789012345678901234567890")), std::nullopt);
  EXPECT_EQ(UnixMicros(Value::Bool(true)), std::nullopt);
  EXPECT_EQ(UnixMicros(Value::Null()), std::nullopt);
  EXPECT_EQ(UnixMicros(Value::Text(Value::Kind::kJson, "[1]")), std::nullopt);
}

}  // namespace
}  // namespace millrace
