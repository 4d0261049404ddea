// --time-zone of verbs that export events.
#ifndef MILLRACE_CLI_EXPORT_ZONE_H_
#define MILLRACE_CLI_EXPORT_ZONE_H_

#include <functional>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/command.h"
#include "cli/export_flags.h"

namespace millrace::cli {

Flag TimeZoneFlag(std::string* time_zone);

// UTC if the flag is not given. InvalidArgument: there is no such zone.
absl::StatusOr<absl::TimeZone> ParseZone(const std::string& text);

// Sets the zone of a request by a probe, if the flag `time_zone` is empty; for
// ExportSource::complete. `project` outlives the result. InvalidArgument, of the result: the
// project's events do not show the zone.
std::function<absl::Status(ExportRequest& request, Ledger& ledger)> ZoneFinder(
    const std::string& time_zone, const MixpanelProject& project, std::stop_token stop);

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_EXPORT_ZONE_H_
