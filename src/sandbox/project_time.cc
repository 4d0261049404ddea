#include "sandbox/project_time.h"

#include "base/strings.h"

namespace millrace::sandbox {

absl::StatusOr<ProjectTime> ProjectTime::Make(const std::string& zone, ExportTimes times) {
  ProjectTime project;
  if (zone.empty()) return project;
  absl::TimeZone found;
  // Abseil also takes paths and fixed offsets, which no project has.
  if (zone.front() == '/' || zone.find("..") != std::string::npos || zone.starts_with("Fixed/") ||
      !absl::LoadTimeZone(zone, &found) || found.name() != zone) {
    return absl::InvalidArgumentError(
        StrCat("there is no time zone \"", zone, "\"; give an IANA name such as America/New_York"));
  }
  project.zone_name_ = zone;
  if (times == ExportTimes::kLocal) {
    project.days_ = found;
    project.is_utc_ = false;
  }
  return project;
}

int64_t ProjectTime::DayBeginMs(absl::CivilDay day) const {
  // If a change of the clock skips midnight, the instant of the change.
  return absl::ToUnixMillis(absl::FromCivil(day, days_));
}

int64_t ProjectTime::ExportedMs(int64_t time_ms) const {
  if (is_utc_) return time_ms;
  return time_ms + int64_t{1000} * days_.At(absl::FromUnixMillis(time_ms)).offset;
}

}  // namespace millrace::sandbox
