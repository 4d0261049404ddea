// The times of a project. Projects made before 2023 read the dates of an export in their own time
// zone and export each time as the local time, encoded as if it were UTC; newer ones use UTC.
#ifndef MILLRACE_SANDBOX_PROJECT_TIME_H_
#define MILLRACE_SANDBOX_PROJECT_TIME_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace millrace::sandbox {

enum class ExportTimes { kUtc, kLocal };

class ProjectTime {
 public:
  ProjectTime() = default;  // UTC

  // `zone` is an IANA name such as "US/Pacific"; empty: UTC. InvalidArgument if there is none of
  // that name.
  static absl::StatusOr<ProjectTime> Make(const std::string& zone, ExportTimes times);

  const std::string& zone_name() const { return zone_name_; }
  // The first instant of `day`, in milliseconds since 1970.
  int64_t DayBeginMs(absl::CivilDay day) const;
  absl::CivilDay DayOf(absl::Time time) const { return absl::ToCivilDay(time, days_); }
  // An instant as exports show it.
  int64_t ExportedMs(int64_t time_ms) const;

 private:
  std::string zone_name_ = "UTC";
  absl::TimeZone days_ = absl::UTCTimeZone();
  bool is_utc_ = true;
};

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_PROJECT_TIME_H_
