#include "cli/export_zone.h"

#include <optional>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "connectors/mixpanel/project_settings.h"
#include "export/zone_probe.h"

namespace millrace::cli {
namespace {

// How the project exports times, by a probe. InvalidArgument if that does not show it.
absl::StatusOr<absl::TimeZone> FindZone(const MixpanelProject& project,
                                        const ExportRequest& request, Ledger& ledger,
                                        const std::stop_token& stop) {
  const absl::StatusOr<std::optional<absl::TimeZone>> found = ProbeProjectZone(
      {.request = request,
       .raw_export = RawExportOf(project),
       .read_zone_name =
           [&project](std::stop_token stop_reading) {
             return mixpanel::ReadTimeZoneName(*project.http, project.options.endpoints,
                                               project.options.credentials,
                                               project.options.project_id, std::move(stop_reading));
           },
       .ledger = ledger},
      stop);
  if (found.ok() && found->has_value()) return **found;
  if (!found.ok() && (absl::IsCancelled(found.status()) || absl::IsUnavailable(found.status()))) {
    return found.status();
  }
  std::string message =
      "its events do not show how the project exports times: give --time-zone utc if it was made "
      "in 2023 or later, else --time-zone with the zone of its settings, e.g. America/New_York";
  if (!found.ok()) StrAppend(&message, " (", ToStd(found.status().message()), ")");
  return absl::InvalidArgumentError(message);
}

}  // namespace

Flag TimeZoneFlag(std::string* time_zone) {
  return {"--time-zone", time_zone, "ZONE",
          "how the project exports times: utc (projects made since 2023), or the project's time "
          "zone, e.g. America/New_York (older projects, which export local time); without it, some "
          "events are read to find out"};
}

absl::StatusOr<absl::TimeZone> ParseZone(const std::string& text) {
  if (text.empty() || text == "utc" || text == "UTC") return absl::UTCTimeZone();
  absl::TimeZone zone;
  if (absl::LoadTimeZone(text, &zone)) return zone;
  return absl::InvalidArgumentError(
      StrCat("--time-zone '", text, "' is not known: give utc or a name such as America/New_York"));
}

std::function<absl::Status(ExportRequest& request, Ledger& ledger)> ZoneFinder(
    const std::string& time_zone, const MixpanelProject& project, std::stop_token stop) {
  if (!time_zone.empty()) return nullptr;
  return [&project, stop = std::move(stop)](ExportRequest& unset, Ledger& ledger) -> absl::Status {
    ASSIGN_OR_RETURN(unset.windows.selection.zone, FindZone(project, unset, ledger, stop));
    return absl::OkStatus();
  };
}

}  // namespace millrace::cli
