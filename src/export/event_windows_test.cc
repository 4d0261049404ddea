#include "export/event_windows.h"

#include <gmock/gmock.h>

namespace millrace {
namespace {

using testing::HasSubstr;

constexpr int64_t kDay = 20'757;  // 2026-10-31
const absl::CivilDay kDate(2026, 10, 31);

absl::TimeZone NewYork() {
  absl::TimeZone zone;
  EXPECT_TRUE(absl::LoadTimeZone("America/New_York", &zone));
  return zone;
}

absl::Time At(absl::CivilSecond time, absl::TimeZone zone = absl::UTCTimeZone()) {
  return absl::FromCivil(time, zone);
}

TEST(EventWindowsTest, DaysEndWithThePresentDayOfTheProject) {
  EventWindowOptions options{.since = kDate, .until = kDate + 30};
  EventWindows utc(options);
  EXPECT_EQ(utc.Readable(At(absl::CivilSecond(2026, 11, 1, 3, 0, 0))),
            (WindowRange{kDay, kDay + 1}));
  EXPECT_EQ(utc.Readable(At(absl::CivilSecond(2026, 10, 30, 3, 0, 0))), std::nullopt);
  EXPECT_EQ(utc.Readable(At(absl::CivilSecond(2027, 1, 1, 0, 0, 0))),
            (WindowRange{kDay, kDay + 29}));
  options.selection.zone = NewYork();
  EXPECT_EQ(EventWindows(options).Readable(At(absl::CivilSecond(2026, 11, 1, 3, 0, 0))),
            (WindowRange{kDay, kDay}));
  EXPECT_EQ(utc.NameOf(kDay), "2026-10-31");
}

TEST(EventWindowsTest, ADayIsClosedAfterLateHasPassedSinceItsEnd) {
  EventWindowOptions options{.since = kDate, .until = kDate + 1, .late = absl::Hours(48)};
  options.selection.zone = NewYork();
  EventWindows windows(options);
  // The day after has 25 hours.
  const absl::Time end = At(absl::CivilSecond(2026, 11, 1, 0, 0, 0), NewYork());
  EXPECT_FALSE(windows.Closes(kDay, end + absl::Hours(48) - absl::Seconds(1)));
  EXPECT_TRUE(windows.Closes(kDay, end + absl::Hours(48)));
  EXPECT_EQ(end + absl::Hours(25), At(absl::CivilSecond(2026, 11, 2, 0, 0, 0), NewYork()));
}

TEST(EventWindowsTest, PiecesOfADayCoverItOnce) {
  EventWindows windows({.since = kDate, .until = kDate + 1});
  const absl::Time now = At(absl::CivilSecond(2026, 11, 5, 0, 0, 0));
  EXPECT_EQ(windows.RequestFor({kDay, kDay + 2}, 0, 1, now).to, kDate + 2);
  EXPECT_EQ(windows.RequestFor({kDay, kDay + 2}, 0, 1, now).where, "");
  std::string end = std::to_string(kDay * 86400);
  for (int piece = 0; piece < 7; ++piece) {
    const std::string where = windows.RequestFor({kDay, kDay}, piece, 7, now).where;
    EXPECT_THAT(where, HasSubstr("event[\"$time\"] >= datetime(" + end + ")"));
    const size_t at = where.rfind("datetime(") + 9;
    end = where.substr(at, where.size() - 1 - at);
  }
  EXPECT_EQ(end, std::to_string((kDay + 1) * 86400));
}

TEST(EventWindowsTest, AFilterAndAPieceAreBothRequired) {
  EventWindows windows({.selection = {.where = "a or b"}, .since = kDate, .until = kDate + 1});
  EXPECT_THAT(
      windows.RequestFor({kDay, kDay}, 0, 2, At(absl::CivilSecond(2026, 11, 5, 0, 0, 0))).where,
      testing::StartsWith("(a or b) and (event"));
}

TEST(EventWindowsTest, AScriptReadsOneHourAndKnowsWhich) {
  EventWindows windows(
      {.by = WindowsBy::kScript, .since = kDate, .until = kDate + 1, .look_back = absl::Hours(48)});
  EXPECT_EQ(windows.NameOf(kDay * 24 + 5), "script-2026-10-31T05");
  EXPECT_EQ(windows.max_windows(), 1);
  const absl::Time now = At(absl::CivilSecond(2026, 11, 5, 12, 0, 0));
  int64_t end = kDay * 86'400'000;
  for (int piece = 0; piece < 7; ++piece) {
    const auto request = windows.RequestFor({kDay * 24, kDay * 24}, piece, 7, now);
    EXPECT_EQ(request.processed_from_millis, end);
    end = request.processed_to_millis;
    EXPECT_EQ(request.from, kDate - 2);
  }
  EXPECT_EQ(end, kDay * 86'400'000 + 3'600'000);
}

TEST(EventWindowsTest, HoursOfArrivalEndAfterTheSettleTime) {
  EventWindows windows({.by = WindowsBy::kProcessingTime,
                        .since = kDate,
                        .until = absl::CivilDay::max(),
                        .settle = absl::Minutes(30),
                        .look_back = absl::Hours(48)});
  EXPECT_EQ(windows.Readable(At(absl::CivilSecond(2026, 10, 31, 1, 34, 0))), std::nullopt);
  const absl::Time now = At(absl::CivilSecond(2026, 10, 31, 1, 36, 0));
  EXPECT_EQ(windows.Readable(now), (WindowRange{kDay * 24, kDay * 24}));
  EXPECT_EQ(windows.NameOf(kDay * 24 + 5), "processed-2026-10-31T05");
  EXPECT_TRUE(windows.Closes(kDay * 24, now));
  const mixpanel::RawExportRequest request = windows.RequestFor({kDay * 24, kDay * 24}, 0, 1, now);
  EXPECT_EQ(request.from, kDate - 2);
  EXPECT_EQ(request.to, kDate);
  EXPECT_EQ(request.where,
            "properties[\"mp_processing_time_ms\"] >= 1793404800000 and "
            "properties[\"mp_processing_time_ms\"] < 1793408400000");
  EXPECT_EQ(windows.WindowOf(5, 1793404800000), kDay * 24);
  EXPECT_EQ(windows.WindowOf(5, 1793408399999), kDay * 24);
  EXPECT_EQ(windows.WindowOf(5, std::nullopt), -1);
}

TEST(EventWindowsTest, TimesOfAWindowAreThoseOfTheProjectsDay) {
  EventWindowOptions options;
  absl::LoadTimeZone("America/New_York", &options.selection.zone);
  const EventWindows days(options);
  const auto times = days.TimesOf("2026-11-01");  // has 25 hours
  ASSERT_TRUE(times.ok()) << times.status();
  EXPECT_EQ(times->first, absl::FromUnixSeconds(1'793'505'600));
  EXPECT_EQ(times->second - times->first, absl::Hours(25));
  EXPECT_FALSE(days.TimesOf("snapshot").ok());
  options.by = WindowsBy::kProcessingTime;
  EXPECT_FALSE(EventWindows(options).TimesOf("processed-2026-11-01T10").ok());
}

}  // namespace
}  // namespace millrace
