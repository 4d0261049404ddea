#include "connectors/mixpanel/export_time.h"

#include <gmock/gmock.h>

namespace millrace::mixpanel {
namespace {

absl::TimeZone NewYork() {
  absl::TimeZone zone;
  EXPECT_TRUE(absl::LoadTimeZone("America/New_York", &zone));
  return zone;
}

// Of a time that is written as if it were UTC.
int64_t Millis(const char* text) {
  absl::Time time;
  EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, text, &time, nullptr)) << text;
  return absl::ToUnixMillis(time);
}

TEST(ExportTimeTest, LocalTimesBecomeUtc) {
  EXPECT_EQ(UtcMillis(Millis("2022-01-15T12:00:00.123Z"), NewYork(), std::nullopt),
            Millis("2022-01-15T17:00:00.123Z"));
  EXPECT_EQ(UtcMillis(Millis("2022-07-15T12:00:00Z"), NewYork(), std::nullopt),
            Millis("2022-07-15T16:00:00Z"));
  EXPECT_EQ(UtcMillis(Millis("1969-12-31T19:00:00.001Z"), NewYork(), std::nullopt), 1);
}

TEST(ExportTimeTest, AnHourThatIsShownTwiceIsDecidedByTheTimeOfArrival) {
  const int64_t local = Millis("2022-11-06T01:30:00Z");
  const int64_t first = Millis("2022-11-06T05:30:00Z"), second = Millis("2022-11-06T06:30:00Z");
  EXPECT_EQ(UtcMillis(local, NewYork(), first + 2000), first);
  EXPECT_EQ(UtcMillis(local, NewYork(), second + 2000), second);
  EXPECT_EQ(UtcMillis(local, NewYork(), std::nullopt), second);
}

TEST(ExportTimeTest, ASkippedTimeIsMovedForward) {
  EXPECT_EQ(UtcMillis(Millis("2022-03-13T02:30:00Z"), NewYork(), std::nullopt),
            Millis("2022-03-13T07:30:00Z"));
  EXPECT_EQ(UtcMillis(Millis("2022-03-13T01:59:59Z"), NewYork(), std::nullopt) + 1000,
            UtcMillis(Millis("2022-03-13T03:00:00Z"), NewYork(), std::nullopt));
}

TEST(ExportTimeTest, ReadsTheTimesOfAnEvent) {
  ExportTimes times;
  const std::string_view event =
      R"({"event":"a","properties":{"$import":true,"time" : 1642248000123 ,"o":{"time":1},)"
      R"("mp_processing_time_ms":1642266001000}})";
  const auto read = times.Read(event);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->unix_millis, 1642248000123);
  EXPECT_EQ(read->processed_millis, 1642266001000);
  EXPECT_TRUE(read->is_imported);
  EXPECT_EQ(event.substr(read->begin, read->end - read->begin), "1642248000123");
}

TEST(ExportTimeTest, ChangesNothingButTheTime) {
  ExportTimes times;
  EXPECT_EQ(*times.ToUtc(R"({"event":"a","properties":{"x":1.50,"time":1642248000123,"y":"é"}})",
                         NewYork()),
            R"({"event":"a","properties":{"x":1.50,"time":1642266000123,"y":"é"}})");
}

TEST(ExportTimeTest, RefusesWhatHasNoTime) {
  ExportTimes times;
  for (const char* text : {R"({"event":"a","properties":{}})", R"({"event":"a"})", "[]", "{",
                           R"({"event":"a","properties":{"time":"1"}})"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(times.Read(text).status())) << text;
  }
}

}  // namespace
}  // namespace millrace::mixpanel
