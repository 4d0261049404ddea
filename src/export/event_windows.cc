#include "export/event_windows.h"

#include <algorithm>

#include "base/strings.h"

namespace millrace {
namespace {

constexpr absl::CivilDay kEpoch(1970, 1, 1);
constexpr int64_t kHourMillis = 3'600'000;
constexpr int64_t kDayMillis = 24 * kHourMillis;
constexpr absl::Duration kClockError = absl::Minutes(5);  // of this machine

int64_t FloorDiv(int64_t a, int64_t b) { return a / b - (a % b < 0); }

int64_t HourOf(absl::CivilDay day) { return (day - kEpoch) * 24; }
absl::Time BeginOfHour(int64_t hour) { return absl::FromUnixSeconds(hour * 3600); }

std::string And(const std::string& where, const std::string& more) {
  return where.empty() ? more : StrCat("(", where, ") and (", more, ")");
}

}  // namespace

std::optional<WindowRange> EventWindows::Readable(absl::Time now) const {
  now -= kClockError;
  WindowRange range;
  if (IsByDate()) {
    // Mixpanel refuses days that have not begun, by its own clock.
    const absl::CivilDay today = absl::ToCivilDay(now, options_.selection.zone);
    range = {options_.since - kEpoch, std::min(options_.until, today + 1) - kEpoch - 1};
  } else {
    const absl::Time settled = now - options_.settle;
    const int64_t present = FloorDiv(absl::ToUnixSeconds(settled), 3600);
    range.first = HourOf(options_.since);
    range.last =
        std::min(HourOf(std::min(options_.until, absl::CivilDay(9999, 1, 1))), present) - 1;
  }
  if (range.size() < 1) return std::nullopt;
  return range;
}

bool EventWindows::Closes(int64_t window, absl::Time now) const {
  if (!IsByDate()) return true;
  return now >= absl::FromCivil(kEpoch + window + 1, options_.selection.zone) + options_.late;
}

std::string EventWindows::NameOf(int64_t window) const {
  if (IsByDate()) return absl::FormatCivilTime(kEpoch + window);
  const bool is_script = options_.by == WindowsBy::kScript;
  return absl::FormatTime(is_script ? "script-%Y-%m-%dT%H" : "processed-%Y-%m-%dT%H",
                          BeginOfHour(window), absl::UTCTimeZone());
}

absl::StatusOr<std::pair<absl::Time, absl::Time>> EventWindows::TimesOf(
    const std::string& name) const {
  absl::CivilDay day;
  if (!IsByDate() || !absl::ParseCivilTime(name, &day)) {
    return absl::InvalidArgumentError(StrCat("the events of ", name, " have any times"));
  }
  const absl::TimeZone zone = options_.selection.zone;
  return std::pair(absl::FromCivil(day, zone), absl::FromCivil(day + 1, zone));
}

mixpanel::RawExportRequest EventWindows::RequestFor(const WindowRange& windows, int piece,
                                                    int pieces, absl::Time now) const {
  const EventSelection& selection = options_.selection;
  mixpanel::RawExportRequest request = {
      .events = selection.events, .where = selection.where, .time_in_ms = true};
  const int64_t length = IsByDate() ? kDayMillis : kHourMillis;
  int64_t begin = windows.first * length, end = (windows.last + 1) * length;
  const int64_t whole = end - begin;
  end = begin + whole * (piece + 1) / pieces / 1000 * 1000;
  begin += whole * piece / pieces / 1000 * 1000;
  if (IsByDate()) {
    request.from = kEpoch + windows.first;
    request.to = kEpoch + windows.last;
    if (pieces == 1) return request;
    request.where =
        And(request.where, StrCat("event[\"$time\"] >= datetime(", begin / 1000,
                                  ") and event[\"$time\"] < datetime(", end / 1000, ")"));
    return request;
  }
  const absl::CivilDay today = absl::ToCivilDay(now - kClockError, selection.zone);
  request.from = absl::ToCivilDay(absl::FromUnixMillis(begin) - options_.look_back, selection.zone);
  // Events may be ahead of their arrival by a wrong clock, but no day is read before it begins.
  request.to = std::max(request.from, today);
  request.processed_from_millis = begin;
  request.processed_to_millis = end;
  request.where = And(request.where, StrCat("properties[\"mp_processing_time_ms\"] >= ", begin,
                                            " and properties[\"mp_processing_time_ms\"] < ", end));
  return request;
}

int64_t EventWindows::WindowOf(int64_t exported_millis,
                               std::optional<int64_t> processed_millis) const {
  if (IsByDate()) return FloorDiv(exported_millis, kDayMillis);
  return FloorDiv(processed_millis.value_or(-1), kHourMillis);
}

}  // namespace millrace
