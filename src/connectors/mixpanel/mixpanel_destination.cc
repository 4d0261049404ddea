#include "connectors/mixpanel/mixpanel_destination.h"

#include <functional>
#include <memory>
#include <utility>

#include "base/hash.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/mixpanel/mixpanel_event_reader.h"
#include "connectors/mixpanel/query_rate_limiter.h"
#include "connectors/mixpanel/raw_export.h"

namespace millrace::mixpanel {
namespace {

// Profile updates carry the token; for events, see Credentials::Authorization().
std::string ProjectName(const Credentials& credentials, RecordType type) {
  const auto hash = [](const std::string& text) { return ToHex(HashBytes(text)).substr(0, 12); };
  if (type != RecordType::kEvent) return StrCat("token-", hash(credentials.token));
  if (credentials.has_service_account()) {
    return StrCat("account-", hash(credentials.service_account_user));
  }
  if (!credentials.api_secret.empty()) return StrCat("secret-", hash(credentials.api_secret));
  return StrCat("token-", hash(credentials.token));
}

}  // namespace

std::string LedgerName(const DestinationOptions& options, RecordType type) {
  std::string project = options.project_id;
  if (options.tokens_of_records) project = "tokens-of-records";
  if (project.empty()) project = ProjectName(options.credentials, type);
  return StrCat("mixpanel:", options.endpoints.ingestion, ":", project, ":", PluralOf(type));
}

MixpanelDestination::MixpanelDestination(DestinationOptions options)
    : options_(std::move(options)),
      label_(options_.project_id.empty() ? "mixpanel" : StrCat("mixpanel:", options_.project_id)),
      rate_limiter_(options_.events_per_second, options_.bytes_per_second, Clock::Real()) {
  for (const RecordType type : kAllRecordTypes) {
    ImportTarget& target = targets_[static_cast<size_t>(type)];
    target.endpoints = options_.endpoints;
    target.credentials = options_.credentials;
    target.project_id = options_.project_id;
    target.tokens_of_records = options_.tokens_of_records;
    target.type = type;
    target.batch_events = options_.batch_events;
    target.batch_bytes = options_.batch_bytes;
    target.bytes_limit = options_.batch_bytes;
    target.gzip = options_.gzip;
    target.adapts_compression = options_.adapt_compression && options_.events_per_second == 0 &&
                                options_.bytes_per_second == 0;
    target.rate_limiter = &rate_limiter_;
    target.stop_grace = options_.stop_grace;
    target.traffic = &traffic_;
  }
}

std::string MixpanelDestination::LedgerName(RecordType type) const {
  return mixpanel::LedgerName(options_, type);
}

absl::Status MixpanelDestination::CheckConfig(RecordType type) const {
  if (!options_.credentials.empty() || options_.tokens_of_records)
    return CheckTarget(targets_[static_cast<size_t>(type)]);
  return absl::InvalidArgumentError(
      "no credentials: set MIXPANEL_TOKEN, or MIXPANEL_SERVICE_ACCOUNT=user:secret with "
      "--project-id, or give --credentials-file FILE");
}

std::unique_ptr<Sink> MixpanelDestination::NewSink(RecordType type) {
  return NewMixpanelSink(targets_[static_cast<size_t>(type)], NewCurlHttpClient());
}

absl::StatusOr<std::unique_ptr<EventReader>> MixpanelDestination::NewEventReader() {
  if (!options_.credentials.can_read()) {
    return absl::InvalidArgumentError(
        "no credentials: set MIXPANEL_SERVICE_ACCOUNT=user:secret or MIXPANEL_OAUTH_TOKEN with "
        "--project-id (Mixpanel's export takes no project token), or give --credentials-file "
        "FILE");
  }
  const auto http = std::shared_ptr<HttpClient>(NewCurlHttpClient());
  const auto turns = std::make_shared<QueryRateLimiter>(options_.queries_per_hour, Clock::Real());
  return std::make_unique<MixpanelEventReader>(
      [this, http, turns](const RawExportRequest& request,
                          const std::function<absl::Status(std::string_view)>& on_line,
                          std::stop_token stop) -> absl::Status {
        RETURN_IF_ERROR(turns->WaitForTurn(stop));
        return ExportRaw(*http, options_.endpoints, options_.credentials, options_.project_id,
                         request, on_line, stop);
      },
      Clock::Real());
}

// An empty import asks Mixpanel about the credentials and stores nothing.
std::vector<AccessCheck> MixpanelDestination::Check(std::stop_token stop) {
  std::vector<AccessCheck> checks;
  AccessCheck& credentials = checks.emplace_back();
  credentials.what = StrCat("credentials for ", options_.endpoints.ingestion);
  credentials.status = CheckConfig(RecordType::kEvent);
  if (!credentials.status.ok()) {
    credentials.remedy = "set MIXPANEL_TOKEN to the project token (Project settings, Access keys)";
    return checks;
  }
  if (options_.tokens_of_records) return checks;  // whose tokens come is not known
  AccessCheck& import = checks.emplace_back();
  import.what = StrCat("import events as ", options_.credentials.Describe(options_.project_id));
  import.status =
      CheckImport(targets_[static_cast<size_t>(RecordType::kEvent)], *NewCurlHttpClient(), stop);
  if (!import.status.ok()) {
    import.remedy =
        "check the region and the project id; a service account needs the role Owner or Admin";
  }
  return checks;
}

absl::Status MixpanelDestination::Create(std::stop_token /*stop*/) { return absl::OkStatus(); }

absl::Status MixpanelDestination::Drop(std::stop_token /*stop*/) {
  return absl::InvalidArgumentError(
      "mixpanel: events cannot be dropped from here; delete the project's data in its settings");
}

}  // namespace millrace::mixpanel
