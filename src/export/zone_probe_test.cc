#include "export/zone_probe.h"

#include <gmock/gmock.h>

namespace millrace {
namespace {

absl::TimeZone Zone(const char* name) {
  absl::TimeZone zone;
  EXPECT_TRUE(absl::LoadTimeZone(name, &zone));
  return zone;
}

class ZoneVotesTest : public testing::Test {
 protected:
  // An event that arrived two seconds later, exported in `exported`.
  void Add(ZoneVotes& votes, absl::Time time, absl::TimeZone exported, int times = 30) {
    const int64_t written = absl::ToUnixMillis(
        absl::FromCivil(absl::ToCivilSecond(time, exported), absl::UTCTimeZone()));
    for (int i = 0; i < times; ++i) {
      votes.Add({.unix_millis = written, .processed_millis = absl::ToUnixMillis(time) + 2000});
    }
  }
  const absl::Time winter_ = absl::FromUnixSeconds(1'640'000'000);  // 2021-12-20
  const absl::Time summer_ = absl::FromUnixSeconds(1'625'000'000);  // 2021-06-29
};

TEST_F(ZoneVotesTest, TellsLocalTimeFromUtc) {
  for (const char* name : {"America/New_York", "Asia/Kolkata", "Pacific/Kiritimati"}) {
    ZoneVotes utc(Zone(name)), local(Zone(name));
    Add(utc, winter_, absl::UTCTimeZone());
    Add(local, winter_, Zone(name));
    EXPECT_EQ(utc.Decide(), absl::UTCTimeZone()) << name;
    EXPECT_EQ(local.Decide(), Zone(name)) << name;
  }
}

TEST_F(ZoneVotesTest, TimesThatAreTheSameInBothDecideNothing) {
  ZoneVotes votes(Zone("Europe/London"));
  Add(votes, winter_, Zone("Europe/London"));
  EXPECT_EQ(votes.Decide(), std::nullopt);
  Add(votes, summer_, Zone("Europe/London"));
  EXPECT_EQ(votes.Decide(), Zone("Europe/London"));
}

TEST_F(ZoneVotesTest, FewOrContradictoryEventsDecideNothing) {
  ZoneVotes few(Zone("America/New_York")), both(Zone("America/New_York"));
  Add(few, winter_, absl::UTCTimeZone(), 5);
  EXPECT_EQ(few.Decide(), std::nullopt);
  Add(both, winter_, absl::UTCTimeZone(), 30);
  Add(both, winter_, Zone("America/New_York"), 30);
  EXPECT_EQ(both.Decide(), std::nullopt);
}

TEST_F(ZoneVotesTest, ImportedAndLateEventsDoNotCount) {
  ZoneVotes votes(Zone("America/New_York"));
  const int64_t now = absl::ToUnixMillis(winter_);
  for (int i = 0; i < 100; ++i) {
    votes.Add({.unix_millis = now, .processed_millis = now, .is_imported = true});
    votes.Add({.unix_millis = now, .processed_millis = now + 3 * 3'600'000});
    votes.Add({.unix_millis = now});
  }
  EXPECT_EQ(votes.Decide(), std::nullopt);
}

TEST_F(ZoneVotesTest, AProbeReadsSomeEvents) {
  mixpanel::RawExportRequest asked;
  const auto zone = ProbeZone(
      [&](const mixpanel::RawExportRequest& request, const auto& on_line, std::stop_token) {
        asked = request;
        for (int i = 0; i < 30; ++i) {
          EXPECT_TRUE(
              on_line(
                  R"({"event":"a","properties":{"time":1000000000000,"mp_processing_time_ms":1000000001000}})")
                  .ok());
        }
        return absl::OkStatus();
      },
      Zone("Asia/Kolkata"), absl::CivilDay(2001, 9, 8), absl::CivilDay(2001, 9, 9), {});
  ASSERT_TRUE(zone.ok()) << zone.status();
  EXPECT_EQ(*zone, absl::UTCTimeZone());
  EXPECT_EQ(asked.from, absl::CivilDay(2001, 9, 8));
  EXPECT_GT(asked.limit, 0);
}

}  // namespace
}  // namespace millrace
