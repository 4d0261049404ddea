#include "sandbox/project_time.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::sandbox {
namespace {

constexpr int64_t kHourMs = 3'600'000;

int64_t Utc(int year, int month, int day, int hour = 0, int minute = 0) {
  return absl::ToUnixMillis(
      absl::FromCivil(absl::CivilMinute(year, month, day, hour, minute), absl::UTCTimeZone()));
}

ProjectTime Local(const std::string& zone) {
  return ProjectTime::Make(zone, ExportTimes::kLocal).value();
}

TEST(ProjectTime, IsUtcUnlessAZoneIsGiven) {
  for (const ProjectTime& project :
       {ProjectTime(), ProjectTime::Make("", ExportTimes::kLocal).value(),
        ProjectTime::Make("America/New_York", ExportTimes::kUtc).value()}) {
    EXPECT_EQ(project.DayBeginMs(absl::CivilDay(2023, 3, 12)), Utc(2023, 3, 12));
    EXPECT_EQ(project.ExportedMs(1'700'000'000'123), 1'700'000'000'123);
  }
  EXPECT_EQ(ProjectTime().zone_name(), "UTC");
  EXPECT_EQ(ProjectTime::Make("America/New_York", ExportTimes::kUtc)->zone_name(),
            "America/New_York");
}

TEST(ProjectTime, RefusesWhatIsNoZone) {
  for (const char* zone :
       {"Mars/Olympus", "/etc/localtime", "../UTC", "Fixed/UTC+01:00:00", "EST "}) {
    EXPECT_EQ(ProjectTime::Make(zone, ExportTimes::kLocal).status().code(),
              absl::StatusCode::kInvalidArgument)
        << zone;
  }
}

TEST(ProjectTime, ShowsLocalTimesAsIfTheyWereUtc) {
  const ProjectTime project = Local("America/New_York");
  EXPECT_EQ(project.ExportedMs(Utc(2023, 1, 10, 12)), Utc(2023, 1, 10, 7));
  EXPECT_EQ(project.ExportedMs(Utc(2023, 7, 10, 12) + 7), Utc(2023, 7, 10, 8) + 7);
  EXPECT_EQ(project.ExportedMs(Utc(1971, 1, 1) - 1), Utc(1970, 12, 31, 19) - 1);
  EXPECT_EQ(project.DayOf(absl::FromUnixMillis(Utc(2023, 1, 10, 4, 59))),
            absl::CivilDay(2023, 1, 9));
  EXPECT_EQ(project.DayOf(absl::FromUnixMillis(Utc(2023, 1, 10, 5))), absl::CivilDay(2023, 1, 10));
}

TEST(ProjectTime, KnowsDaysThatAreShorterOrLonger) {
  const ProjectTime project = Local("America/New_York");
  EXPECT_EQ(project.DayBeginMs(absl::CivilDay(2023, 3, 12)), Utc(2023, 3, 12, 5));
  EXPECT_EQ(project.DayBeginMs(absl::CivilDay(2023, 3, 13)) -
                project.DayBeginMs(absl::CivilDay(2023, 3, 12)),
            23 * kHourMs);
  EXPECT_EQ(project.DayBeginMs(absl::CivilDay(2023, 11, 6)) -
                project.DayBeginMs(absl::CivilDay(2023, 11, 5)),
            25 * kHourMs);
  // The hour from one to two comes twice.
  EXPECT_EQ(project.ExportedMs(Utc(2023, 11, 5, 5, 30)), Utc(2023, 11, 5, 1, 30));
  EXPECT_EQ(project.ExportedMs(Utc(2023, 11, 5, 6, 30)), Utc(2023, 11, 5, 1, 30));
  // The hour from two to three does not come.
  EXPECT_EQ(project.ExportedMs(Utc(2023, 3, 12, 6, 59)), Utc(2023, 3, 12, 1, 59));
  EXPECT_EQ(project.ExportedMs(Utc(2023, 3, 12, 7)), Utc(2023, 3, 12, 3));
}

TEST(ProjectTime, KnowsDaysWithoutMidnight) {
  const ProjectTime project = Local("America/Sao_Paulo");
  // On 2018-11-04, one o'clock follows 23:59.
  EXPECT_EQ(project.DayBeginMs(absl::CivilDay(2018, 11, 4)), Utc(2018, 11, 4, 3));
  EXPECT_EQ(project.DayOf(absl::FromUnixMillis(Utc(2018, 11, 4, 3) - 1)),
            absl::CivilDay(2018, 11, 3));
  EXPECT_EQ(project.DayOf(absl::FromUnixMillis(Utc(2018, 11, 4, 3))), absl::CivilDay(2018, 11, 4));
  // On 2018-02-17, the hour before midnight comes twice.
  EXPECT_EQ(project.DayBeginMs(absl::CivilDay(2018, 2, 18)) -
                project.DayBeginMs(absl::CivilDay(2018, 2, 17)),
            25 * kHourMs);
}

}  // namespace
}  // namespace millrace::sandbox
