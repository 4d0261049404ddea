// millrace export events: events of a Mixpanel project into destinations.
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "base/status.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/export_flags.h"
#include "cli/export_zone.h"
#include "cli/reconcile_report.h"
#include "cli/text.h"
#include "export/export.h"
#include "export/export_plan.h"
#include "reconcile/export_reconcile.h"

namespace millrace::cli {
namespace {

struct Options {
  ExportFlags shared;
  std::string since;
  std::string until;
  std::string time_zone;
  std::vector<std::string> events;
  std::string where;
  std::vector<std::string> properties;
  absl::Duration late = absl::Hours(5 * 24);
  std::string by = "event-date";
  bool replace = false;
  absl::Duration settle = absl::Minutes(30);
  absl::Duration look_back = absl::Hours(30 * 24);
  int64_t rows_per_query = 1'000'000;
};

// Of `export events` alone.
Flag ReplaceFlag(Options& options) {
  return {
      "--replace", &options.replace, "",
      "read all days, also closed ones, and replace what the destination has of each of them by "
      "what Mixpanel has now; only PostgreSQL can do that"};
}

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
      TimeZoneFlag(&options.time_zone),
      {"--event", &options.events, "NAME", "export only events of this name; may be repeated"},
      {"--where", &options.where, "EXPRESSION",
       "export only events for which this expression of Mixpanel is true, e.g. "
       "'properties[\"plan\"] == \"pro\"'"},
      {"--properties", &options.properties, "NAME",
       "export only these properties, separated by commas, besides time, distinct_id, $insert_id "
       "and mp_processing_time_ms; may be repeated (default: all)"},
      {"--rows-per-query", Between(&options.rows_per_query, 1, 1'000'000'000), "N",
       "small days are read by one query up to about this number of rows"},
  };
  options.shared.AddTo(flags);
  return flags;
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
  ASSIGN_OR_RETURN(request.windows.selection.zone, ParseZone(options.time_zone));
  ASSIGN_OR_RETURN(request.windows.by, ParseBy(options.by));
  request.windows.settle = options.settle;
  request.windows.look_back = options.look_back;
  request.windows.selection.events = options.events;
  request.windows.selection.where = options.where;
  request.windows.selection.properties = SplitNames(options.properties);
  request.windows.late = options.late;
  request.rows_per_query = static_cast<uint64_t>(options.rows_per_query);
  request.replace = options.replace;
  if (request.replace && request.windows.by != WindowsBy::kEventDate) {
    return absl::InvalidArgumentError(
        "--replace needs days: events by processing time have any day");
  }
  return request;
}

absl::StatusOr<int> RunExport(const Options& options, RunMetrics& metrics, Context& context) {
  ASSIGN_OR_RETURN(ExportRequest request, MakeRequest(options, context));
  ASSIGN_OR_RETURN(const MixpanelProject project, options.shared.OpenProject(context));
  return options.shared.Run(std::move(request),
                            {.raw_export = RawExportOf(project),
                             .run_export = ExportEvents,
                             .complete = ZoneFinder(options.time_zone, project, context.stop)},
                            metrics, context);
}

std::string HoursOf(uint64_t queries, size_t per_hour) {
  return absl::FormatDuration(ExportPlan::WaitOf(queries, per_hour));
}

std::string PlanAsTable(const ExportPlan& plan, size_t per_hour) {
  const auto range = [](uint64_t min, uint64_t max) {
    return min == max ? WithCommas(min) : StrCat(WithCommas(min), " to ", WithCommas(max));
  };
  std::string table = StrCat("windows   ", WithCommas(plan.windows), " to read, ",
                             WithCommas(plan.windows_skipped), " closed before\n", "records   ",
                             WithCommas(plan.rows_known), " in ", WithCommas(plan.windows_known),
                             " windows that were read before; the others are not known\n",
                             "queries   ", range(plan.queries_min, plan.queries_max), "\n");
  if (per_hour > 0) {
    StrAppend(&table, "waits     ", HoursOf(plan.queries_min, per_hour), " to ",
              HoursOf(plan.queries_max, per_hour), " for the limit of ", per_hour,
              " queries an hour, if others send none\n");
  }
  return table;
}

std::string PlanAsJson(const ExportPlan& plan, size_t per_hour) {
  const nlohmann::ordered_json json = {
      {"windows", plan.windows},
      {"windows_skipped", plan.windows_skipped},
      {"windows_known", plan.windows_known},
      {"rows_known", plan.rows_known},
      {"queries_min", plan.queries_min},
      {"queries_max", plan.queries_max},
      {"hours_min", absl::ToDoubleHours(ExportPlan::WaitOf(plan.queries_min, per_hour))},
      {"hours_max", absl::ToDoubleHours(ExportPlan::WaitOf(plan.queries_max, per_hour))}};
  return json.dump();
}

absl::StatusOr<int> RunPlan(const Options& options, Context& context) {
  ASSIGN_OR_RETURN(const ExportRequest request, MakeRequest(options, context));
  ASSIGN_OR_RETURN(const auto destinations, options.shared.destination.Open(context));
  absl::flat_hash_set<std::string> names;
  for (const auto& one : destinations) names.insert(one->LedgerName(request.type));
  ASSIGN_OR_RETURN(const std::unique_ptr<LedgerReader> ledger,
                   options.shared.state.OpenLedgerToRead(context));
  ASSIGN_OR_RETURN(const ExportPlan plan,
                   PlanExport(request, names, *ledger, Clock::Real().Now(), context.stop));
  context.out << (options.shared.json ? PlanAsJson(plan, request.queries_per_hour) + "\n"
                                      : PlanAsTable(plan, request.queries_per_hour));
  return kAllAccepted;
}

struct ReconcileOptions {
  Options exported;
  bool repair = false;
  bool replace = false;
  bool ignore_unexpected = false;
  int64_t list = 20;
  int64_t memory_rows = 2'000'000;
  absl::Duration wait = absl::ZeroDuration();
};

std::vector<Flag> FlagsOf(ReconcileOptions& options) {
  const std::vector<Flag> own = {
      {"--repair", &options.repair, "", "deliver what is missing, and compare again"},
      {"--replace", &options.replace, "",
       "replace each day that is different by what Mixpanel has, which also removes rows that are "
       "there twice or that Mixpanel does not have; only PostgreSQL can do that"},
      {"--ignore-unexpected", &options.ignore_unexpected, "",
       "ignore events that Mixpanel does not have, for example if others write there too"},
      {"--list", Between(&options.list, 0, 1'000'000), "N",
       "maximum number of missing rows, and of unexpected and duplicate events to list"},
      {"--wait", AtLeast(&options.wait, absl::ZeroDuration()), "TIME",
       "while rows are missing, compare again for this long, if the destination shows rows late"},
      {"--memory-rows", Between(&options.memory_rows, 1000, 1'000'000'000), "N",
       "rows compared at a time; each takes 32 bytes of memory"},
  };
  std::vector<Flag> flags = FlagsOf(options.exported);
  flags.insert(flags.end(), own.begin(), own.end());
  return flags;
}

absl::StatusOr<ExportReconcileRequest> MakeRequest(const ReconcileOptions& options,
                                                   const Context& context) {
  ExportReconcileRequest request;
  ASSIGN_OR_RETURN(request.exported, MakeRequest(options.exported, context));
  if (request.exported.windows.by != WindowsBy::kEventDate) {
    return absl::InvalidArgumentError(
        "exports by processing time cannot be compared: their hours have events of any day");
  }
  if (options.exported.shared.destination.to.size() != 1) {
    return absl::InvalidArgumentError("give one --to: destinations are compared one by one");
  }
  request.exported.replace = options.replace;
  request.repair = options.repair;
  request.replace = options.replace;
  request.ignore_unexpected = options.ignore_unexpected;
  request.max_listed = static_cast<size_t>(options.list);
  request.wait = options.wait;
  request.max_rows_in_memory = static_cast<size_t>(options.memory_rows);
  return request;
}

absl::StatusOr<int> RunReconcile(const ReconcileOptions& options, RunMetrics& metrics,
                                 Context& context) {
  ASSIGN_OR_RETURN(ExportReconcileRequest request, MakeRequest(options, context));
  const ExportFlags& shared = options.exported.shared;
  ASSIGN_OR_RETURN(const MixpanelProject project, shared.OpenProject(context));
  ExportReconcileReport report;
  const auto reconcile = [&](const ExportWork& work) -> absl::Status {
    request.exported = work.request;
    ASSIGN_OR_RETURN(const auto reader, work.parts.destinations[0]->NewEventReader());
    request.wait_after_repair = reader->max_delay();
    report = ReconcileExport(request, work.parts, *reader, context.stop, work.progress);
    return absl::OkStatus();
  };
  const ExportSource source = {
      .raw_export = RawExportOf(project),
      .complete = ZoneFinder(options.exported.time_zone, project, context.stop)};
  RETURN_IF_ERROR(shared.With(request.exported, source, metrics, reconcile, context));
  const ReconcileReport& result = report.result;
  if (!result.status.ok() && result.requests == 0 && !absl::IsCancelled(result.status)) {
    return result.status;
  }
  const bool ignore = options.ignore_unexpected;
  context.out << (shared.json ? ReconcileReportAsJson(result, ignore, request.max_listed) + "\n"
                              : ReconcileReportAsTable(result, ignore, request.max_listed));
  if (!result.status.ok()) return result.status;
  return result.clean(ignore) ? kAllAccepted : kRejectedRecords;
}

}  // namespace

Command ExportEventsCommand() {
  auto options = std::make_shared<Options>();
  std::vector<Flag> flags = FlagsOf(*options);
  flags.push_back(options->shared.DeletionsFlag());
  flags.push_back(ReplaceFlag(*options));
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
      .flags = std::move(flags),
      .run =
          [options](Context& context) {
            return options->shared.metrics.Run(
                [&](RunMetrics& metrics) { return RunExport(*options, metrics, context); });
          },
  };
}

Command ExportPlanCommand() {
  auto options = std::make_shared<Options>();
  return {
      .name = "export plan",
      .group = "Import, receive and export",
      .summary = "say how many queries an export needs, and send none",
      .about =
          "Takes the flags of `export events`. Windows that were read before are estimated by what "
          "they had then;\nthe volume of others is not known, so that a range is shown.",
      .examples = {"millrace export plan --project-id 123 --since 2026-01-01 --to "
                   "'postgres://loader@db.example.com/analytics?table=events'"},
      .flags = FlagsOf(*options),
      .run = [options](Context& context) { return RunPlan(*options, context); },
  };
}

Command ExportReconcileCommand() {
  auto options = std::make_shared<ReconcileOptions>();
  return {
      .name = "export reconcile",
      .group = "Check and repair",
      .summary = "prove that a destination has what Mixpanel has",
      .about =
          "Takes the flags of `export events`, and one --to. Reads the days of [--since, --until) "
          "from Mixpanel again\nand compares them with the destination's rows, each by its name, "
          "distinct_id, time and $insert_id. The\nexit status is 0 only if nothing is missing, "
          "unexpected or duplicate.",
      .examples = {"millrace export reconcile --project-id 123 --since 2026-11-01 --until "
                   "2026-11-08 --time-zone utc --to 'postgres://loader@db.example.com/analytics'",
                   "millrace export reconcile --project-id 123 --since 2026-11-01 --time-zone utc "
                   "--repair --to 'gs://bucket/lake/?format=parquet'",
                   "millrace export reconcile --project-id 123 --since 2026-11-01 --time-zone utc "
                   "--replace --to 'postgres://loader@db.example.com/analytics' --json"},
      .flags = FlagsOf(*options),
      .run =
          [options](Context& context) {
            return options->exported.shared.metrics.Run(
                [&](RunMetrics& metrics) { return RunReconcile(*options, metrics, context); });
          },
  };
}

}  // namespace millrace::cli
