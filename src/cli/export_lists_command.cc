// millrace export cohorts, millrace export annotations: what a project has beside its data.
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/export_flags.h"
#include "connectors/mixpanel/annotation_reader.h"
#include "connectors/mixpanel/cohort_reader.h"

namespace millrace::cli {
namespace {

struct CohortOptions {
  ExportFlags shared;
  ProfileSelection profiles;
  mixpanel::CohortQuery query;
};

struct AnnotationOptions {
  ExportFlags shared;
  ProfileSelection profiles;
  std::string since;
  std::string until;
};

Flag AppendFlag(ProfileSelection& profiles) {
  return {"--append", &profiles.append, "",
          "add the snapshot to earlier ones, also if the destination can replace them"};
}

absl::StatusOr<ExportRequest> MakeRequest(const ExportFlags& shared, std::string stream,
                                          const ProfileSelection& profiles,
                                          const Context& context) {
  ASSIGN_OR_RETURN(ExportRequest request, shared.Request(context));
  request.type = RecordType::kGroup;
  request.stream = std::move(stream);
  request.profiles = profiles;
  ASSIGN_OR_RETURN(request.delivery.sources, ProfileSources(RecordType::kGroup, ""));
  return request;
}

absl::StatusOr<int> RunCohorts(const CohortOptions& options, RunMetrics& metrics,
                               Context& context) {
  for (const std::string& id : options.query.ids) {
    if (!id.empty() && id.find_first_not_of("0123456789") == std::string::npos) continue;
    return absl::InvalidArgumentError(StrCat("--cohort must be a number, not '", id, "'"));
  }
  ASSIGN_OR_RETURN(ExportRequest request,
                   MakeRequest(options.shared, "cohorts", options.profiles, context));
  ASSIGN_OR_RETURN(const MixpanelProject project, options.shared.OpenProject(context));
  const auto open = [&](mixpanel::CohortReader::TakeQuery take_query)
      -> absl::StatusOr<std::unique_ptr<mixpanel::ProfilePages>> {
    return std::make_unique<mixpanel::CohortReader>(
        *project.http, project.options.endpoints, project.options.credentials,
        project.options.project_id, options.query, std::move(take_query));
  };
  return options.shared.Run(
      std::move(request), {.open_profiles = open, .run_export = ExportProfiles}, metrics, context);
}

absl::StatusOr<mixpanel::AnnotationQuery> QueryOf(const AnnotationOptions& options) {
  mixpanel::AnnotationQuery query;
  if (!options.since.empty()) {
    ASSIGN_OR_RETURN(query.from, ParseDay("--since", options.since));
  }
  if (!options.until.empty()) {
    ASSIGN_OR_RETURN(const absl::CivilDay until, ParseDay("--until", options.until));
    query.to = until - 1;
  }
  if (query.from && query.to && *query.from > *query.to) {
    return absl::InvalidArgumentError("--since must be before --until");
  }
  return query;
}

absl::StatusOr<int> RunAnnotations(const AnnotationOptions& options, RunMetrics& metrics,
                                   Context& context) {
  ASSIGN_OR_RETURN(const mixpanel::AnnotationQuery query, QueryOf(options));
  ASSIGN_OR_RETURN(ExportRequest request,
                   MakeRequest(options.shared, "annotations", options.profiles, context));
  ASSIGN_OR_RETURN(const MixpanelProject project, options.shared.OpenProject(context));
  // This is none of the queries that are counted.
  const auto open = [&](const auto&) -> absl::StatusOr<std::unique_ptr<mixpanel::ProfilePages>> {
    return std::make_unique<mixpanel::AnnotationReader>(*project.http, project.options.endpoints,
                                                        project.options.credentials,
                                                        project.options.project_id, query);
  };
  return options.shared.Run(
      std::move(request), {.open_profiles = open, .run_export = ExportProfiles}, metrics, context);
}

}  // namespace

Command ExportCohortsCommand() {
  auto options = std::make_shared<CohortOptions>();
  std::vector<Flag> flags = {
      {"--cohort", &options->query.ids, "ID",
       "export only the cohort of this number; may be repeated (default: all)"},
      {"--members", &options->query.members, "",
       "export also who is in them: a record for each member, and a query for each cohort"},
      AppendFlag(options->profiles),
  };
  options->shared.AddTo(flags);
  return {
      .name = "export cohorts",
      .group = "Import, receive and export",
      .summary = "export a snapshot of Mixpanel's cohorts",
      .about =
          "Delivers cohorts, and with --members who is in them, as profiles of groups: a "
          "snapshot, as `export groups`\ndelivers it. A PostgreSQL table then has it and no "
          "other rows.",
      .examples = {"MIXPANEL_SERVICE_ACCOUNT=user:secret millrace export cohorts --project-id 123 "
                   "--members --to 'postgres://loader@db.example.com/analytics?groups=cohorts'"},
      .flags = std::move(flags),
      .run =
          [options](Context& context) {
            return options->shared.metrics.Run(
                [&](RunMetrics& metrics) { return RunCohorts(*options, metrics, context); });
          },
  };
}

Command ExportAnnotationsCommand() {
  auto options = std::make_shared<AnnotationOptions>();
  std::vector<Flag> flags = {
      {"--since", &options->since, "DAY", "first day of the annotations (default: all days)"},
      {"--until", &options->until, "DAY", "day before which they end (default: all days)"},
      AppendFlag(options->profiles),
  };
  options->shared.AddTo(flags);
  return {
      .name = "export annotations",
      .group = "Import, receive and export",
      .summary = "export a snapshot of a project's annotations",
      .about =
          "Delivers annotations as profiles of groups: a snapshot, as `export groups` delivers "
          "it. A PostgreSQL table\nthen has it and no other rows. This needs a service account "
          "or an OAuth token.",
      .examples = {"MIXPANEL_SERVICE_ACCOUNT=user:secret millrace export annotations --project-id "
                   "123 --since 2026-01-01 --to 'postgres://loader@db.example.com/analytics?"
                   "groups=annotations'"},
      .flags = std::move(flags),
      .run =
          [options](Context& context) {
            return options->shared.metrics.Run(
                [&](RunMetrics& metrics) { return RunAnnotations(*options, metrics, context); });
          },
  };
}

}  // namespace millrace::cli
