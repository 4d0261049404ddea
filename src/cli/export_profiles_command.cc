// millrace export users, millrace export groups: profiles of a Mixpanel project into destinations.
#include <memory>
#include <string>
#include <vector>

#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/export_flags.h"

namespace millrace::cli {
namespace {

struct Options {
  ExportFlags shared;
  ProfileSelection profiles;
};

std::vector<Flag> FlagsOf(Options& options, RecordType type) {
  std::vector<Flag> flags;
  if (type == RecordType::kGroup) {
    flags.push_back({"--group-key", &options.profiles.group_key, "KEY",
                     "the group key of the profiles, e.g. company"});
    flags.push_back({"--group-id", &options.profiles.group_id, "ID",
                     "the number that Mixpanel has given the group key (data_group_id of engage "
                     "queries); default: the key itself, as the sandbox takes it"});
  }
  const std::vector<Flag> own = {
      {"--where", &options.profiles.where, "EXPRESSION",
       "export only profiles for which this expression of Mixpanel is true"},
      {"--properties", &options.profiles.properties, "NAME",
       "export only these properties, separated by commas; may be repeated (default: all)"},
      {"--allow-empty", &options.profiles.allow_empty, "",
       "if Mixpanel has no profiles, remove those of the destination, too; without it, such a "
       "snapshot changes nothing"},
      {"--append", &options.profiles.append, "",
       "add the snapshot to earlier ones, also if the destination can replace them"},
  };
  flags.insert(flags.end(), own.begin(), own.end());
  if (type == RecordType::kUser) flags.push_back(options.shared.DeletionsFlag());
  options.shared.AddTo(flags);
  return flags;
}

absl::StatusOr<int> RunExport(const Options& options, RecordType type, RunMetrics& metrics,
                              Context& context) {
  ASSIGN_OR_RETURN(ExportRequest request, options.shared.Request(context));
  request.type = type;
  request.profiles = options.profiles;
  request.profiles.properties = SplitNames(options.profiles.properties);
  request.stream = "users";
  if (type == RecordType::kGroup) {
    const std::string& key = options.profiles.group_key;
    if (key.empty()) return absl::InvalidArgumentError("give --group-key, e.g. company");
    request.stream = "groups-" + UrlEncode(key);
    if (request.profiles.group_id.empty()) request.profiles.group_id = key;
  }
  ASSIGN_OR_RETURN(request.delivery.sources, ProfileSources(type, options.profiles.group_key));
  ASSIGN_OR_RETURN(const MixpanelProject project, options.shared.OpenProject(context));
  const mixpanel::ProfileQuery query = {.where = request.profiles.where,
                                        .output_properties = request.profiles.properties,
                                        .data_group_id = request.profiles.group_id};
  const auto open = [&](const std::function<absl::Status()>& take_query)
      -> absl::StatusOr<std::unique_ptr<mixpanel::ProfilePages>> {
    RETURN_IF_ERROR(take_query());
    return std::make_unique<mixpanel::ProfileReader>(*project.http, project.options.endpoints,
                                                     project.options.credentials,
                                                     project.options.project_id, query);
  };
  return options.shared.Run(
      std::move(request), {.open_profiles = open, .run_export = ExportProfiles}, metrics, context);
}

constexpr char kAbout[] =
    "Reads all profiles, page by page, and delivers the snapshot once it is complete. A PostgreSQL "
    "table then\nhas this snapshot and no other rows (all or nothing); other destinations get it "
    "beside the earlier ones.";

}  // namespace

Command ExportUsersCommand() {
  auto options = std::make_shared<Options>();
  return {
      .name = "export users",
      .group = "Import, receive and export",
      .summary = "export a snapshot of Mixpanel's user profiles",
      .about = kAbout,
      .examples = {"MIXPANEL_SERVICE_ACCOUNT=user:secret millrace export users --project-id 123 "
                   "--to 'postgres://loader@db.example.com/analytics?users=users'",
                   "millrace export users --project-id 123 --where 'properties[\"plan\"] == "
                   "\"pro\"' --properties '$email,plan' --to 'gs://bucket/lake/?format=parquet'"},
      .flags = FlagsOf(*options, RecordType::kUser),
      .run =
          [options](Context& context) {
            return options->shared.metrics.Run([&](RunMetrics& metrics) {
              return RunExport(*options, RecordType::kUser, metrics, context);
            });
          },
  };
}

Command ExportGroupsCommand() {
  auto options = std::make_shared<Options>();
  return {
      .name = "export groups",
      .group = "Import, receive and export",
      .summary = "export a snapshot of the profiles of a group key",
      .about = kAbout,
      .examples = {"millrace export groups --project-id 123 --group-key company --group-id 4711 "
                   "--to 'postgres://loader@db.example.com/analytics?groups=groups'"},
      .flags = FlagsOf(*options, RecordType::kGroup),
      .run =
          [options](Context& context) {
            return options->shared.metrics.Run([&](RunMetrics& metrics) {
              return RunExport(*options, RecordType::kGroup, metrics, context);
            });
          },
  };
}

}  // namespace millrace::cli
