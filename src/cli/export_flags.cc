#include "cli/export_flags.h"

#include <atomic>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <utility>

#include "absl/strings/str_split.h"
#include "base/retrier.h"
#include "base/status.h"
#include "base/strings.h"
#include "cli/export_report.h"
#include "cli/progress_lines.h"
#include "cli/text.h"
#include "export/deleted_ids.h"
#include "export/export_filter.h"
#include "export/export_metrics.h"
#include "pipeline/retry_unavailable.h"

namespace millrace::cli {
namespace {

std::vector<std::string> ProgressText(const ExportProgress& progress, absl::Duration elapsed) {
  uint64_t accepted = 0, rejected = 0, retries = 0;
  for (const ImportProgress& one : progress.destinations) {
    accepted += one.run.rows_accepted;
    rejected += one.run.rows_rejected;
    retries += one.run.retries;
  }
  return {StrCat("windows ", progress.windows_read.load(), " of ", progress.windows.load(),
                 "  queries ", progress.queries.load(), "  retrieved ",
                 WithCommas(progress.records), " (", Bytes(progress.bytes), ")  accepted ",
                 WithCommas(accepted), "  rejected ", WithCommas(rejected), "  retries ", retries,
                 "  ", Span(elapsed))};
}

// Deletes the rows of these users where the export has succeeded: what is pending would arrive
// after it.
void DeleteUsers(absl::Span<const std::unique_ptr<Destination>> destinations, RecordType type,
                 const std::vector<std::string>& ids, const RetryPolicy& retry,
                 const std::stop_token& stop, ExportReport& report) {
  if (ids.empty() || !report.status.ok()) return;
  for (size_t i = 0; i < destinations.size(); ++i) {
    DestinationReport& one = report.destinations[i];
    if (!one.delivery.status.ok()) continue;
    Retrier retrier(retry, Clock::Real());
    const absl::StatusOr<uint64_t> deleted = RetryUnavailable(
        retrier, stop, [&] { return destinations[i]->DeleteUsers(type, ids, stop); });
    if (deleted.ok()) one.deleted = *deleted;
    one.delivery.status = deleted.status();
    if (!deleted.ok() && one.delivery.first_error.empty()) {
      one.delivery.first_error = ToStd(deleted.status().message());
    }
  }
}

}  // namespace

void ExportFlags::AddTo(std::vector<Flag>& flags) {
  flags.push_back(
      {"--queries-per-hour", Between(&queries_per_hour, 0, 1'000'000), "N",
       "maximum number of queries per hour of all processes that share the ledger; 0 for no limit "
       "(default: Mixpanel's limit of 60, or no limit with --mixpanel-url)"});
  destination.AddTo(flags);
  state.AddTo(flags);
  flags.push_back({"--json", &json, "", "print the result as one JSON object"});
  flags.push_back({"--quiet", &quiet, "", "show no progress"});
  metrics.AddTo(flags);
  delivery.AddTo(flags);
  dead_letter.AddTo(flags);
}

Flag ExportFlags::DeletionsFlag() {
  return {
      "--deletions", &deletions, "FILE",
      "users whose rows are deleted at the destinations and never exported again: a distinct_id "
      "a line, or the body of a request to Mixpanel's deletion API"};
}

absl::StatusOr<ExportRequest> ExportFlags::Request(const Context& context) const {
  ExportRequest request;
  request.project_id = destination.mixpanel.project_id;
  if (request.project_id.empty()) {
    return absl::InvalidArgumentError("give --project-id: the project to export");
  }
  if (destination.to.empty()) {
    return absl::InvalidArgumentError(
        "give --to: where the records go, e.g. postgres://HOST/DATABASE or a folder");
  }
  if (queries_per_hour >= 0) {
    request.queries_per_hour = static_cast<size_t>(queries_per_hour);
  } else if (!destination.mixpanel.url.empty()) {
    request.queries_per_hour = 0;
  }
  ASSIGN_OR_RETURN(request.state_folder, state.StateFolder(context));
  request.delivery.sources = SourcesConfig::MixpanelFormat();
  RETURN_IF_ERROR(delivery.ApplyTo(request.delivery));
  return request;
}

absl::StatusOr<MixpanelProject> ExportFlags::OpenProject(const Context& context) const {
  MixpanelProject project{.http = NewCurlHttpClient()};
  ASSIGN_OR_RETURN(project.options, destination.mixpanel.Options(context.environment));
  if (project.options.credentials.can_read()) return project;
  return absl::UnauthenticatedError(
      "no credentials for Mixpanel: set MIXPANEL_SERVICE_ACCOUNT=user:secret, MIXPANEL_OAUTH_TOKEN "
      "or MIXPANEL_OAUTH_TOKEN_FILE, or give --credentials-file");
}

mixpanel::RawExport RawExportOf(const MixpanelProject& project) {
  return [http = project.http, mixpanel = project.options](
             const mixpanel::RawExportRequest& request,
             const std::function<absl::Status(std::string_view)>& on_line, std::stop_token stop) {
    return mixpanel::ExportRaw(*http, mixpanel.endpoints, mixpanel.credentials, mixpanel.project_id,
                               request, on_line, std::move(stop));
  };
}

absl::StatusOr<SourcesConfig> ProfileSources(RecordType type, const std::string& group_key) {
  nlohmann::json entry = {{"config_id", "mixpanel_profiles"},
                          {"source_prefix", "mixpanel:"},
                          {"record_type", type == RecordType::kGroup ? "group" : "user"}};
  if (!group_key.empty()) entry["group_key"] = group_key;
  return SourcesConfig::Parse(nlohmann::json::array({entry}).dump(), "sources.json");
}

std::vector<std::string> SplitNames(const std::vector<std::string>& values) {
  std::vector<std::string> names;
  for (const std::string& value : values) {
    for (const absl::string_view name : absl::StrSplit(value, ',', absl::SkipEmpty())) {
      names.emplace_back(name);
    }
  }
  return names;
}

absl::StatusOr<absl::CivilDay> ParseDay(std::string_view flag, const std::string& text) {
  absl::CivilDay day;
  if (text.size() == 10 && absl::ParseCivilTime(text, &day)) return day;
  return absl::InvalidArgumentError(
      StrCat(flag, " must be a day such as 2026-11-01, not '", text, "'"));
}

absl::StatusOr<int> ExportFlags::Run(ExportRequest request, const ExportSource& source,
                                     RunMetrics& run, Context& context) const {
  ExportReport report;
  const auto use = [&](const ExportWork& work) {
    report = source.run_export(work.request, work.parts, context.stop, work.progress);
    DeleteUsers(work.parts.destinations, work.request.type, work.deletions,
                work.request.delivery.run.retry, context.stop, report);
    report.left_out = work.left_out;
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(With(std::move(request), source, run, use, context));
  return FinishExport(report, json, context);
}

absl::Status ExportFlags::With(ExportRequest request, const ExportSource& source, RunMetrics& run,
                               const Use& use, Context& context) const {
  ASSIGN_OR_RETURN(const auto destinations,
                   destination.Open(context, [&](mixpanel::DestinationOptions& mixpanel) {
                     return delivery.ApplyTo(mixpanel);
                   }));
  for (const auto& one : destinations) {
    RETURN_IF_ERROR(CheckConfig(*one, request.delivery.sources));
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<Ledger> ledger, state.OpenLedger(context));
  ASSIGN_OR_RETURN(const std::unique_ptr<DeadLetterQueue> queue,
                   dead_letter.Open(state, delivery.stop_grace, context));
  if (source.complete) RETURN_IF_ERROR(source.complete(request, *ledger));
  ASSIGN_OR_RETURN(DeletedIds deleted,
                   DeletedIds::Open(StrCat(request.state_folder, "/export/", request.project_id,
                                           "-deleted-ids")));
  std::vector<std::string> deletions;
  if (!this->deletions.empty()) {
    ASSIGN_OR_RETURN(deletions, ReadDeletionList(this->deletions));
    RETURN_IF_ERROR(deleted.Add(deletions));
    for (const auto& one : destinations) {
      RETURN_IF_ERROR(one->DeleteUsers(request.type, {}, context.stop).status());
    }
  }
  std::atomic<uint64_t> left_out = 0;
  ExportProgress progress;
  progress.destinations = std::vector<ImportProgress>(destinations.size());
  for (size_t i = 0; i < destinations.size(); ++i) {
    progress.destinations[i].destination = destinations[i]->label();
  }
  ASSIGN_OR_RETURN(const auto following, run.Follow([&progress](MetricsText& page) {
    AddExportMetrics(progress, page);
  }));
  std::optional<ProgressLines> lines;
  if (!quiet) {
    lines.emplace([&progress](absl::Duration elapsed) { return ProgressText(progress, elapsed); },
                  context.err, context.err_is_terminal);
  }
  const ExportParts parts = {
      .raw_export =
          FilterEvents(source.raw_export, request.windows.selection.properties, deleted, left_out),
      .open_profiles = [&](std::function<absl::Status()> take_query)
          -> absl::StatusOr<std::unique_ptr<mixpanel::ProfilePages>> {
        ASSIGN_OR_RETURN(auto pages, source.open_profiles(std::move(take_query)));
        return FilterProfiles(std::move(pages), deleted, left_out);
      },
      .destinations = destinations,
      .ledger = *ledger,
      .dead_letter = *queue,
      .deleted = &deleted};
  return use({.request = request,
              .parts = parts,
              .progress = progress,
              .deletions = deletions,
              .left_out = left_out});
}

}  // namespace millrace::cli
