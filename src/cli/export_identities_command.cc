// millrace export identities: which distinct_ids have another one in the end.
#include <memory>
#include <string>

#include "base/status.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/export_flags.h"
#include "cli/export_zone.h"

namespace millrace::cli {
namespace {

struct Options {
  ExportFlags shared;
  ProfileSelection profiles;
  std::string since;
  std::string until;
  std::string time_zone;
  std::string merge;
  absl::Duration late = absl::Hours(5 * 24);
  int64_t max_ids = 10'000'000;
};

std::vector<Flag> FlagsOf(Options& options) {
  std::vector<Flag> flags = {
      {"--id-merge", &options.merge, "original|simplified",
       "how the project joins ids (project settings, Identity Merge): original, by $identify, "
       "$create_alias and $merge; or simplified, by events with $device_id and $user_id"},
      {"--since", &options.since, "DAY",
       "first day whose events are read, of the project: that on which it began"},
      {"--until", &options.until, "DAY",
       "day before which the events end (default: tomorrow, so that today is the last one)"},
      {"--late", Between(&options.late, absl::ZeroDuration(), absl::Hours(24 * 3650)), "TIME",
       "how long after its end a day is read again, for events that arrive late, e.g. 5d"},
      TimeZoneFlag(&options.time_zone),
      {"--max-ids", Between(&options.max_ids, 2, 4'000'000'000), "N",
       "maximum number of ids, each of which takes about 100 bytes of memory"},
      {"--append", &options.profiles.append, "",
       "add the snapshot to earlier ones, also if the destination can replace them"},
  };
  flags.push_back(options.shared.DeletionsFlag());
  options.shared.AddTo(flags);
  return flags;
}

absl::StatusOr<IdMerge> ParseMerge(const std::string& text) {
  if (text == "original") return IdMerge::kOriginal;
  if (text == "simplified") return IdMerge::kSimplified;
  return absl::InvalidArgumentError(
      StrCat("give --id-merge original or simplified, as the settings of the project say",
             text.empty() ? "" : StrCat(", not '", text, "'")));
}

absl::StatusOr<ExportRequest> MakeRequest(const Options& options, const Context& context) {
  ASSIGN_OR_RETURN(ExportRequest request, options.shared.Request(context));
  ASSIGN_OR_RETURN(request.identities.merge, ParseMerge(options.merge));
  request.identities.max_ids = static_cast<uint64_t>(options.max_ids);
  request.type = RecordType::kUser;
  request.stream = "identities";
  request.profiles = options.profiles;
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
  request.windows.late = options.late;
  ASSIGN_OR_RETURN(request.delivery.sources, ProfileSources(RecordType::kUser, ""));
  return request;
}

absl::StatusOr<int> RunExport(const Options& options, RunMetrics& metrics, Context& context) {
  ASSIGN_OR_RETURN(ExportRequest request, MakeRequest(options, context));
  ASSIGN_OR_RETURN(const MixpanelProject project, options.shared.OpenProject(context));
  return options.shared.Run(std::move(request),
                            {.raw_export = RawExportOf(project),
                             .run_export = ExportIdentities,
                             .complete = ZoneFinder(options.time_zone, project, context.stop)},
                            metrics, context);
}

}  // namespace

Command ExportIdentitiesCommand() {
  auto options = std::make_shared<Options>();
  return {
      .name = "export identities",
      .group = "Import, receive and export",
      .summary = "export which distinct_ids belong together",
      .about =
          "Delivers a snapshot of the ids that have another one in the end, as Mixpanel's "
          "pipelines "
          "have it in\nmp_identity_mappings_data: distinct_id and resolved_distinct_id. Later runs "
          "read only new days.",
      .examples = {"MIXPANEL_SERVICE_ACCOUNT=user:secret millrace export identities --project-id "
                   "123 --id-merge original --since 2024-01-01 --time-zone utc --to "
                   "'postgres://loader@db.example.com/analytics?users=identities'"},
      .flags = FlagsOf(*options),
      .run =
          [options](Context& context) {
            return options->shared.metrics.Run(
                [&](RunMetrics& metrics) { return RunExport(*options, metrics, context); });
          },
  };
}

}  // namespace millrace::cli
