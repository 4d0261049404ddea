// millrace export events: events of a Mixpanel project into destinations.
#include <memory>
#include <optional>

#include "absl/time/civil_time.h"
#include "base/status.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/export_flags.h"
#include "connectors/mixpanel/project_settings.h"
#include "export/export.h"
#include "export/zone_probe.h"

namespace millrace::cli {
namespace {

struct Options {
  ExportFlags shared;
  std::string since;
  std::string until;
  std::string time_zone;
  std::vector<std::string> events;
  std::string where;
  absl::Duration late = absl::Hours(5 * 24);
  std::string by = "event-date";
  absl::Duration settle = absl::Minutes(30);
  absl::Duration look_back = absl::Hours(30 * 24);
  int64_t rows_per_query = 1'000'000;
};

std::vector<Flag> FlagsOf(Options& options) {
  std::vector<Flag> flags = {
      {"--since", &options.since, "DAY", "first day to export, of the project, e.g. 2026-11-01"},
      {"--until", &options.until, "DAY",
       "day before which the export ends (default: tomorrow, so that today is the last one)"},
      {"--late", Between(&options.late, absl::ZeroDuration(), absl::Hours(24 * 3650)), "TIME",
       "how long after its end a day is read again, for events that arrive late, e.g. 5d"},
      {"--by", &options.by, "event-date|processing-time",
       "how events are divided into windows: days in which they happened, which are read again for "
       "late events; or hours in which Mixpanel received them, which are read once"},
      {"--settle", Between(&options.settle, absl::ZeroDuration(), absl::Hours(240)), "TIME",
       "with --by processing-time: how long after its end an hour is read"},
      {"--look-back", Between(&options.look_back, absl::Hours(24), absl::Hours(24 * 3650)), "TIME",
       "with --by processing-time: events that were older than this when they arrived are not "
       "found, e.g. 30d"},
      {"--time-zone", &options.time_zone, "ZONE",
       "how the project exports times: utc (projects made since 2023), or the project's time zone, "
       "e.g. America/New_York (older projects, which export local time); without it, some events "
       "are read to find out"},
      {"--event", &options.events, "NAME", "export only events of this name; may be repeated"},
      {"--where", &options.where, "EXPRESSION",
       "export only events for which this expression of Mixpanel is true, e.g. "
       "'properties[\"plan\"] == \"pro\"'"},
      {"--rows-per-query", Between(&options.rows_per_query, 1, 1'000'000'000), "N",
       "small days are read by one query up to about this number of rows"},
  };
  options.shared.AddTo(flags);
  return flags;
}

absl::StatusOr<absl::CivilDay> ParseDay(std::string_view flag, const std::string& text) {
  absl::CivilDay day;
  if (text.size() == 10 && absl::ParseCivilTime(text, &day)) return day;
  return absl::InvalidArgumentError(
      StrCat(flag, " must be a day such as 2026-11-01, not '", text, "'"));
}

absl::StatusOr<absl::TimeZone> ParseZone(const std::string& text) {
  if (text == "utc" || text == "UTC") return absl::UTCTimeZone();
  absl::TimeZone zone;
  if (absl::LoadTimeZone(text, &zone)) return zone;
  return absl::InvalidArgumentError(
      StrCat("--time-zone '", text, "' is not known: give utc or a name such as America/New_York"));
}

absl::StatusOr<WindowsBy> ParseBy(const std::string& text) {
  if (text == "event-date") return WindowsBy::kEventDate;
  if (text == "processing-time") return WindowsBy::kProcessingTime;
  return absl::InvalidArgumentError(
      StrCat("--by must be event-date or processing-time, not '", text, "'"));
}

absl::StatusOr<ExportRequest> MakeRequest(const Options& options, const Context& context) {
  ASSIGN_OR_RETURN(ExportRequest request, options.shared.Request(context));
  if (options.since.empty()) return absl::InvalidArgumentError("give --since, the first day");
  ASSIGN_OR_RETURN(request.windows.since, ParseDay("--since", options.since));
  request.windows.until = absl::CivilDay::max();
  if (!options.until.empty()) {
    ASSIGN_OR_RETURN(request.windows.until, ParseDay("--until", options.until));
  }
  if (request.windows.since >= request.windows.until) {
    return absl::InvalidArgumentError("--since must be before --until");
  }
  if (!options.time_zone.empty()) {
    ASSIGN_OR_RETURN(request.windows.selection.zone, ParseZone(options.time_zone));
  }
  ASSIGN_OR_RETURN(request.windows.by, ParseBy(options.by));
  request.windows.settle = options.settle;
  request.windows.look_back = options.look_back;
  request.windows.selection.events = options.events;
  request.windows.selection.where = options.where;
  request.windows.late = options.late;
  request.rows_per_query = static_cast<uint64_t>(options.rows_per_query);
  return request;
}

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

absl::StatusOr<int> RunExport(const Options& options, Context& context) {
  ASSIGN_OR_RETURN(ExportRequest request, MakeRequest(options, context));
  ASSIGN_OR_RETURN(const MixpanelProject project, options.shared.OpenProject(context));
  const auto set_zone = [&](ExportRequest& unset, Ledger& ledger) -> absl::Status {
    if (!options.time_zone.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(unset.windows.selection.zone, FindZone(project, unset, ledger, context.stop));
    return absl::OkStatus();
  };
  return options.shared.Run(std::move(request), project, set_zone, ExportEvents, context);
}

}  // namespace

Command ExportEventsCommand() {
  auto options = std::make_shared<Options>();
  return {
      .name = "export events",
      .group = "Import, receive and export",
      .summary = "export events of Mixpanel, each once",
      .about =
          "Reads each day of [--since, --until) whole, and delivers to every --to the events that "
          "it does not\nhave. A day is read again by later runs until --late has passed since its "
          "end, so events that arrive\nlate are found; after that it is closed. Run it as often as "
          "you like: a run that was stopped or missed\nleaves no hole.",
      .examples = {"MIXPANEL_SERVICE_ACCOUNT=user:secret millrace export events --project-id 123 "
                   "--since 2026-11-01 --time-zone utc --to "
                   "'postgres://loader@db.example.com/analytics?table=events'",
                   "millrace export events --project-id 123 --since 2026-01-01 --until 2026-02-01 "
                   "--time-zone America/New_York --to 'gs://bucket/lake/?format=parquet'",
                   "millrace export events --project-id 123 --since 2026-11-01 --time-zone utc "
                   "--event Purchase --late 10d --to 'lake/' --json"},
      .flags = FlagsOf(*options),
      .run = [options](Context& context) { return RunExport(*options, context); },
  };
}

}  // namespace millrace::cli
