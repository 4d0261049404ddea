// millrace export jql: the results of a JQL script, window by window.
#include <filesystem>
#include <memory>
#include <string>

#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/export_flags.h"
#include "cli/export_zone.h"
#include "export/jql_export.h"
#include "io/durable_file.h"

namespace millrace::cli {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;

struct Options {
  ExportFlags shared;
  std::string script;
  std::string params;
  std::string records = "events";
  std::string since;
  std::string until;
  std::string time_zone;
  absl::Duration settle = absl::Minutes(30);
  absl::Duration look_back = absl::Hours(5 * 24);
};

std::vector<Flag> FlagsOf(Options& options) {
  std::vector<Flag> flags = {
      {"--script", &options.script, "FILE",
       "JavaScript with a function main(), which returns the records of a window; its params have "
       "from, to, from_date and to_date"},
      {"--params", &options.params, "JSON|FILE",
       "more params of the script: a JSON object, or a file that has one"},
      {"--records", &options.records, "events|users", "what the script returns"},
      {"--since", &options.since, "DAY", "first day of arrival to export, e.g. 2026-11-01"},
      {"--until", &options.until, "DAY", "day before which the export ends (default: no end)"},
      {"--settle", Between(&options.settle, absl::ZeroDuration(), absl::Hours(240)), "TIME",
       "how long after its end an hour is read"},
      {"--look-back", Between(&options.look_back, absl::Hours(24), absl::Hours(24 * 3650)), "TIME",
       "how long before the window params.from_date is, for events that arrive late, e.g. 5d"},
      TimeZoneFlag(&options.time_zone),
  };
  flags.push_back(options.shared.DeletionsFlag());
  options.shared.AddTo(flags);
  return flags;
}

absl::StatusOr<JqlScript> ReadScript(const Options& options) {
  if (options.script.empty()) {
    return absl::InvalidArgumentError("give --script: a file with JavaScript and a main() in it");
  }
  JqlScript script;
  ASSIGN_OR_RETURN(script.text, ReadWholeFile(options.script, kMaxFileBytes));
  if (!options.params.empty()) {
    script.params = options.params;
    if (options.params.front() != '{') {
      ASSIGN_OR_RETURN(script.params, ReadWholeFile(options.params, kMaxFileBytes));
    }
    RETURN_IF_ERROR(CheckJqlParams(script.params));
  }
  if (options.records != "events" && options.records != "users") {
    return absl::InvalidArgumentError(
        StrCat("--records must be events or users, not '", options.records, "'"));
  }
  script.type = options.records == "users" ? RecordType::kUser : RecordType::kEvent;
  return script;
}

absl::StatusOr<ExportRequest> MakeRequest(const Options& options, const JqlScript& script,
                                          const Context& context) {
  ASSIGN_OR_RETURN(ExportRequest request, options.shared.Request(context));
  request.type = script.type;
  request.stream = "jql-" + UrlEncode(std::filesystem::path(options.script).stem().string());
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
  request.windows.by = WindowsBy::kScript;
  request.windows.settle = options.settle;
  request.windows.look_back = options.look_back;
  request.windows.selection.script = JqlSelection(script);
  request.profiles.append = true;  // windows of users follow each other
  if (script.type == RecordType::kUser) {
    ASSIGN_OR_RETURN(request.delivery.sources, ProfileSources(script.type, ""));
  }
  return request;
}

absl::StatusOr<int> RunExport(const Options& options, RunMetrics& metrics, Context& context) {
  ASSIGN_OR_RETURN(JqlScript script, ReadScript(options));
  ASSIGN_OR_RETURN(ExportRequest request, MakeRequest(options, script, context));
  ASSIGN_OR_RETURN(const MixpanelProject project, options.shared.OpenProject(context));
  // Times of profiles are texts, which nobody converts.
  const bool needs_zone = script.type == RecordType::kEvent;
  const auto run = [&project](const mixpanel::JqlQuery& query,
                              const std::function<absl::Status(std::string_view)>& on_row,
                              std::stop_token stop) {
    return mixpanel::RunJql(*project.http, project.options.endpoints, project.options.credentials,
                            project.options.project_id, query, on_row, std::move(stop));
  };
  ExportSource source = {.raw_export = JqlExport(run, std::move(script)),
                         .run_export = ExportEvents};
  if (needs_zone) source.complete = ZoneFinder(options.time_zone, project, context.stop);
  return options.shared.Run(std::move(request), source, metrics, context);
}

}  // namespace

Command ExportJqlCommand() {
  auto options = std::make_shared<Options>();
  return {
      .name = "export jql",
      .group = "Import, receive and export",
      .summary = "export what a JQL script returns, hour by hour",
      .about =
          "Runs the script once for each hour in which Mixpanel received data, and delivers its "
          "rows. For those who\nstill use JQL, which Mixpanel maintains only: `export events` "
          "needs fewer queries.",
      .examples = {"MIXPANEL_SERVICE_ACCOUNT=user:secret millrace export jql --project-id 123 "
                   "--script examples/jql/events.js --since 2026-11-01 --time-zone utc --to "
                   "'postgres://loader@db.example.com/analytics?table=events'",
                   "millrace export jql --project-id 123 --script examples/jql/people.js --records "
                   "users --params '{\"plan\": \"pro\"}' --since 2026-11-01 --to "
                   "'gs://bucket/lake/?format=parquet'"},
      .flags = FlagsOf(*options),
      .run =
          [options](Context& context) {
            return options->shared.metrics.Run(
                [&](RunMetrics& metrics) { return RunExport(*options, metrics, context); });
          },
  };
}

}  // namespace millrace::cli
