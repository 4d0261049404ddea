// Finds out how a project exports times: in UTC, or as local time that is written as if it were
// UTC.
#ifndef MILLRACE_EXPORT_ZONE_PROBE_H_
#define MILLRACE_EXPORT_ZONE_PROBE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "connectors/mixpanel/export_time.h"
#include "connectors/mixpanel/raw_export.h"
#include "export/export.h"

namespace millrace {

// Compares the times of events with those of their arrival, which are always UTC: most events
// arrive within minutes. Pure.
class ZoneVotes {
 public:
  // `zone` is that of the project's settings.
  explicit ZoneVotes(absl::TimeZone zone) : zone_(zone) {}

  void Add(const mixpanel::ExportTimes::Times& event);
  // The zone of exported times; nullopt: the events do not show it.
  std::optional<absl::TimeZone> Decide() const;

 private:
  const absl::TimeZone zone_;
  uint64_t utc_ = 0;
  uint64_t local_ = 0;
};

// Reads some events of the days [first, last], by one query. Nullopt: they do not show it. Errors
// as of the export.
absl::StatusOr<std::optional<absl::TimeZone>> ProbeZone(const mixpanel::RawExport& raw_export,
                                                        absl::TimeZone zone, absl::CivilDay first,
                                                        absl::CivilDay last, std::stop_token stop);

struct ZoneProbe {
  const ExportRequest& request;
  mixpanel::RawExport raw_export;
  std::function<absl::StatusOr<std::string>(std::stop_token)> read_zone_name;  // of the settings
  Ledger& ledger;
  Clock& clock = Clock::Real();
};

// The zone of exported times: UTC if the project's zone is that, else what the events of the last
// days of the request show, or those of all its days. Nullopt: they do not show it. Tries again
// while Mixpanel is unavailable. Errors as of the settings and the export.
absl::StatusOr<std::optional<absl::TimeZone>> ProbeProjectZone(const ZoneProbe& probe,
                                                               std::stop_token stop);

}  // namespace millrace

#endif  // MILLRACE_EXPORT_ZONE_PROBE_H_
