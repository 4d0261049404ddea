#include "mapping/time_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string_view>

namespace millrace {
namespace {

Value Text(std::string_view text) { return Value::Text(Value::Kind::kText, text); }
Value JsonText(std::string_view text) { return Value::Text(Value::Kind::kJsonText, text); }
Value Number(std::string_view text) { return Value::Text(Value::Kind::kNumber, text); }

absl::TimeZone Zone(const char* name) {
  absl::TimeZone zone;
  EXPECT_TRUE(absl::LoadTimeZone(name, &zone)) << name;
  return zone;
}

int64_t Millis(const Value& value, absl::TimeZone zone = absl::UTCTimeZone()) {
  const absl::StatusOr<int64_t> millis = ToUnixMillis(value, zone);
  EXPECT_TRUE(millis.ok()) << millis.status();
  return millis.value_or(-1);
}

std::string Refusal(const Value& value) {
  return std::string(ToUnixMillis(value, absl::UTCTimeZone()).status().message());
}

TEST(ToUnixMillis, ReadsIntegersByMagnitude) {
  EXPECT_EQ(Millis(Value::Int(0)), 0);
  EXPECT_EQ(Millis(Value::Int(1713928381)), 1713928381000);
  EXPECT_EQ(Millis(Value::Int(1713928381988)), 1713928381988);
  EXPECT_EQ(Millis(Value::Int(1713928381988000)), 1713928381988);
  EXPECT_EQ(Millis(Value::Int(1713928381988000000)), 1713928381988);
  EXPECT_EQ(Millis(Value::Int(99'999'999'999)), 99'999'999'999'000);
  EXPECT_EQ(Millis(Value::Int(100'000'000'000)), 100'000'000'000);
  EXPECT_EQ(Millis(Value::Int(99'999'999'999'999)), 99'999'999'999'999);
  EXPECT_EQ(Millis(Value::Int(100'000'000'000'000)), 100'000'000'000);
  EXPECT_EQ(Millis(Value::Int(99'999'999'999'999'999)), 99'999'999'999'999);
  EXPECT_EQ(Millis(Value::Int(100'000'000'000'000'000)), 100'000'000'000);
  EXPECT_EQ(Millis(Value::Uint(std::numeric_limits<uint64_t>::max())), 18446744073709);
}

TEST(ToUnixMillis, RoundsDown) {
  EXPECT_EQ(Millis(Value::Int(1713928381988999)), 1713928381988);
  EXPECT_EQ(Millis(Value::Int(-100'000'000'000'001)), -100'000'000'001);
  EXPECT_EQ(Millis(Value::Int(std::numeric_limits<int64_t>::min())), -9223372036855);
  EXPECT_EQ(Millis(Value::Timestamp(-1, Value::Unit::kMicro, true)), -1);
}

TEST(ToUnixMillis, ReadsRealsWithoutLosingTheMillisecond) {
  EXPECT_EQ(Millis(Value::Double(1713928381.988)), 1713928381988);
  EXPECT_EQ(Millis(Value::Double(1713928381.001)), 1713928381001);
  EXPECT_EQ(Millis(Value::Double(1713928381988.0)), 1713928381988);
  EXPECT_EQ(Millis(Value::Double(1713928381988.75)), 1713928381988);
  EXPECT_EQ(Millis(Value::Double(1713928381988000.0)), 1713928381988);
  EXPECT_EQ(Millis(Value::Double(1713928381988000000.0)), 1713928381988);
  EXPECT_FALSE(ToUnixMillis(Value::Double(1e300), absl::UTCTimeZone()).ok());
}

TEST(ToUnixMillis, ReadsNumericText) {
  EXPECT_EQ(Millis(Text("1713928381")), 1713928381000);
  EXPECT_EQ(Millis(Text("1713928381988")), 1713928381988);
  EXPECT_EQ(Millis(JsonText("1713928381988")), 1713928381988);
  EXPECT_EQ(Millis(Number("1713928381988000")), 1713928381988);
  EXPECT_EQ(Millis(Number("1713928381.5")), 1713928381500);
  EXPECT_EQ(Millis(Number("1.713928381e9")), 1713928381000);
  EXPECT_EQ(Millis(Text(" 1713928381 ")), 1713928381000);
  EXPECT_EQ(Millis(Text("12")), 12000);
  EXPECT_EQ(Millis(Text("20240424")), 20240424000) << "a number, not a date";
}

TEST(ToUnixMillis, ReadsTimestampsByTheirUnit) {
  EXPECT_EQ(Millis(Value::Timestamp(12, Value::Unit::kSecond, true)), 12000);
  EXPECT_EQ(Millis(Value::Timestamp(12, Value::Unit::kMilli, true)), 12);
  EXPECT_EQ(Millis(Value::Timestamp(1713928381988123, Value::Unit::kMicro, true)), 1713928381988);
  EXPECT_EQ(Millis(Value::Timestamp(1713928381988123456, Value::Unit::kNano, true)), 1713928381988);
  EXPECT_FALSE(
      ToUnixMillis(Value::Timestamp(INT64_MAX, Value::Unit::kSecond, true), absl::UTCTimeZone())
          .ok());
}

TEST(ToUnixMillis, ReadsTimesWithoutAZoneInTheGivenOne) {
  const absl::TimeZone berlin = Zone("Europe/Berlin");
  EXPECT_EQ(Millis(Text("2024-04-24T03:13:01"), berlin), 1713921181000);
  EXPECT_EQ(Millis(Text("2024-01-24T03:13:01.5"), berlin), 1706062381500);
  EXPECT_EQ(Millis(Text("2024-04-24"), berlin), 1713909600000);
  EXPECT_EQ(Millis(Text("2024-04-24T03:13:01Z"), berlin), 1713928381000) << "has a zone";
  EXPECT_EQ(Millis(Value::Timestamp(1713928381988, Value::Unit::kMilli, false), berlin),
            1713921181988);
  EXPECT_EQ(Millis(Value::Timestamp(1713928381988, Value::Unit::kMilli, true), berlin),
            1713928381988);
  EXPECT_EQ(Millis(Value::Int(1713928381), berlin), 1713928381000) << "Unix times are UTC";
  EXPECT_EQ(Millis(Value::Timestamp(INT64_MAX, Value::Unit::kMilli, false), berlin), INT64_MAX);
}

TEST(ToUnixMillis, ReadsIsoText) {
  EXPECT_EQ(Millis(Text("2024-04-24T03:13:01+02:00")), 1713921181000);
  EXPECT_EQ(Millis(Text("2024-04-24T03:13:01+0200")), 1713921181000);
  EXPECT_EQ(Millis(Text("2024-04-24T03:13:01+02")), 1713921181000);
  EXPECT_EQ(Millis(Text("2024-04-24T03:13:01-00:30")), 1713930181000);
  EXPECT_EQ(Millis(Text("2024-04-24t03:13:01z")), 1713928381000);
  EXPECT_EQ(Millis(Text("2024-04-24T03:13:01.988Z")), 1713928381988);
  EXPECT_EQ(Millis(Text("2024-04-24T03:13:01,9Z")), 1713928381900);
  EXPECT_EQ(Millis(Text("2024-04-24T03:13:01.988999999Z")), 1713928381988);
  EXPECT_EQ(Millis(Text("2024-04-24T03:13Z")), 1713928380000);
  EXPECT_EQ(Millis(Text("20240424T031301Z")), 1713928381000);
  EXPECT_EQ(Millis(Text("20240424T031301.5+0200")), 1713921181500);
  EXPECT_EQ(Millis(Text("1969-12-31T23:59:59.999Z")), -1);
  EXPECT_EQ(Millis(Text("2016-12-31T23:59:60Z")), 1483228800000) << "a leap second";
}

TEST(ToUnixMillis, ReadsDatesAndTimesSeparatedByASpace) {
  EXPECT_EQ(Millis(Text("2024-04-24")), 1713916800000);
  EXPECT_EQ(Millis(Text("2024-04-24 03:13:01")), 1713928381000);
  EXPECT_EQ(Millis(Text("2024-04-24 03:13:01.25")), 1713928381250);
  EXPECT_EQ(Millis(Text("2024-04-24 03:13:01 UTC")), 1713928381000);
  EXPECT_EQ(Millis(Text("2024-04-24 03:13:01+02")), 1713921181000);
  EXPECT_EQ(Millis(JsonText("2024-04-24T03:13:01\\u002b02:00")), 1713921181000);
}

TEST(ToUnixMillis, RejectsAmbiguousTimes) {
  for (const char* text : {"",
                           " ",
                           "04/05/2024",
                           "24.04.2024",
                           "now",
                           "2024-02-30",
                           "2024-13-01",
                           "2024-04-24T",
                           "2024-04-24T25:00:00",
                           "2024-04-24T03:61:00",
                           "2024-04-24T03:13:61",
                           "2024-04-24T03:13:01.",
                           "2024-04-24T03:13:01+",
                           "2024-04-24T03:13:01+2",
                           "2024-04-24T03:13:01+02:00x",
                           "2024-4-24",
                           "2024-04-24T03:13:01 CEST",
                           "20240424 031301",
                           "2024-W17-3",
                           "NaN",
                           "inf",
                           "0x10",
                           "2024-04",
                           "99999999999999999999",
                           "2024-04-24T3:13:01"}) {
    EXPECT_FALSE(ToUnixMillis(Text(text), absl::UTCTimeZone()).ok()) << text;
  }
  EXPECT_FALSE(ToUnixMillis(Value::Null(), absl::UTCTimeZone()).ok());
  EXPECT_FALSE(ToUnixMillis(Value::Bool(true), absl::UTCTimeZone()).ok());
  EXPECT_FALSE(ToUnixMillis(Value::Text(Value::Kind::kJson, "[1]"), absl::UTCTimeZone()).ok());
}

TEST(ToUnixMillis, QuotesRejectedValues) {
  EXPECT_EQ(Refusal(Text("04/05/2024")),
            "\"04/05/2024\" is not a time: write a Unix time (seconds to nanoseconds) or ISO 8601, "
            "such as 2024-04-24T03:13:01+02:00");
  EXPECT_LT(Refusal(Text(std::string(100000, 'x'))).size(), 300U);
}

TEST(CheckEventTime, TakesMixpanelsRange) {
  const absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  EXPECT_TRUE(CheckEventTime(31'536'000'000, now).ok());
  EXPECT_TRUE(CheckEventTime(1'700'003'600'000, now).ok());
  EXPECT_EQ(
      CheckEventTime(12'000, now).message(),
      "the time 1970-01-01T00:00:12Z is before 1971-01-01, the earliest that Mixpanel accepts");
  EXPECT_EQ(CheckEventTime(1'700'003'600'001, now).message(),
            "the time 2023-11-14T23:13:20.001Z is more than an hour in the future");
}

// A later time would be read as microseconds.
TEST(RecordTimeTest, IsBelowMicroseconds) {
  constexpr int64_t kEnd = 100'000'000'000'000;
  EXPECT_TRUE(CheckRecordTime(kEnd - 1).ok());
  EXPECT_TRUE(CheckRecordTime(1 - kEnd).ok());
  for (const int64_t millis : {kEnd, -kEnd, int64_t{253'402'214'400'000}}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckRecordTime(millis))) << millis;
  }
  EXPECT_THAT(std::string(CheckRecordTime(253'402'214'400'000).message()),
              testing::HasSubstr("9999-12-31"));
}

}  // namespace
}  // namespace millrace
