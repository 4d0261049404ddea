#include "cli/shared_flags.h"

#include <filesystem>
#include <ostream>
#include <set>
#include <utility>

#include "base/redact.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/firestore/firestore_ledger.h"
#include "connectors/postgres/postgres_ledger.h"
#include "connectors/sqlite/sqlite_ledger.h"
#include "destinations/named_destinations.h"
#include "destinations/open_destination.h"
#include "objects/read_sources.h"

namespace millrace::cli {
namespace {

namespace fs = std::filesystem;

// The local path of `uri`; Unimplemented for other schemes.
absl::StatusOr<std::string> LocalPath(std::string_view flag, std::string_view uri,
                                      std::string_view scheme) {
  if (uri.starts_with(scheme)) return std::string(uri.substr(scheme.size()));
  if (uri.find("://") != std::string_view::npos) {
    return absl::UnimplementedError(StrCat(
        flag, " ", RedactSecrets(uri), ": this scheme is not supported here; give a local path"));
  }
  return std::string(uri);
}

absl::Status MakePrivateFolder(const std::string& folder) {
  std::error_code error;
  const bool made = fs::create_directories(folder, error);
  if (error) return ErrnoStatus(error.value(), StrCat("creating the folder ", folder));
  if (made) fs::permissions(folder, fs::perms::owner_all, error);
  return absl::OkStatus();
}

}  // namespace

void StateFlags::AddTo(std::vector<Flag>& flags) {
  flags.push_back({.name = "--state",
                   .target = &state,
                   .value = "DIR",
                   .doc = "folder for the ledger and the dead letters (default "
                          "$XDG_STATE_HOME/millrace, else ~/.local/state/millrace)",
                   .env = "MILLRACE_STATE"});
  flags.push_back({.name = "--ledger",
                   .target = &ledger,
                   .value = "URI",
                   .doc = "the ledger: sqlite:PATH or PATH; to share it among workers: "
                          "postgres://USER@HOST/DATABASE (or libpq's host=...) or "
                          "firestore://PROJECT/COLLECTION (default: ledger.db in the state folder)",
                   .env = "MILLRACE_LEDGER"});
  flags.push_back({.name = "--dlq",
                   .target = &dead_letters,
                   .value = "URI",
                   .doc = "dead-letter queue for rejected records: a folder, or "
                          "pubsub://PROJECT/TOPIC (default: dead_letters in the state folder)",
                   .env = "MILLRACE_DEAD_LETTERS",
                   .old_name = "--dead-letters"});
}

absl::StatusOr<std::string> StateFlags::StatePath(const Context& context) const {
  if (!state.empty()) return state;
  if (const auto xdg = context.environment("XDG_STATE_HOME")) return *xdg + "/millrace";
  if (const auto home = context.environment("HOME")) return *home + "/.local/state/millrace";
  return absl::InvalidArgumentError("no folder for the ledger: give --state DIR or set HOME");
}

absl::StatusOr<std::string> StateFlags::StateFolder(const Context& context) const {
  ASSIGN_OR_RETURN(std::string folder, StatePath(context));
  RETURN_IF_ERROR(MakePrivateFolder(folder));
  return folder;
}

// The path of the SQLite file that --ledger names.
absl::StatusOr<std::string> StateFlags::LedgerFile() const {
  const size_t scheme = ledger.find("://");  // what follows may hold a password
  if (scheme != std::string::npos) {
    return absl::InvalidArgumentError(
        StrCat("--ledger ", ledger.substr(0, scheme),
               "://...: unknown scheme; use sqlite:PATH, postgres://USER@HOST/DATABASE or "
               "firestore://PROJECT/COLLECTION"));
  }
  return LocalPath("--ledger", ledger, "sqlite:");
}

absl::StatusOr<std::unique_ptr<Ledger>> StateFlags::OpenLedger(const Context& context) const {
  if (ledger.empty()) {
    ASSIGN_OR_RETURN(const std::string folder, StateFolder(context));
    return OpenSqliteLedger(folder + "/ledger.db", Clock::Real());
  }
  if (IsPostgresAddress(ledger)) return OpenPostgresLedger(ledger, context.stop);
  if (ledger.starts_with("firestore://")) {
    return OpenFirestoreLedger(ledger, {.environment = context.environment}, context.stop);
  }
  ASSIGN_OR_RETURN(const std::string path, LedgerFile());
  return OpenSqliteLedger(path, Clock::Real());
}

absl::StatusOr<std::unique_ptr<LedgerReader>> StateFlags::OpenLedgerToRead(
    const Context& context) const {
  if (ledger.empty()) {
    ASSIGN_OR_RETURN(const std::string folder, StatePath(context));
    return OpenSqliteLedgerToRead(folder + "/ledger.db");
  }
  if (IsPostgresAddress(ledger)) return OpenPostgresLedgerToRead(ledger, context.stop);
  if (ledger.starts_with("firestore://")) return OpenLedger(context);  // creates nothing
  ASSIGN_OR_RETURN(const std::string path, LedgerFile());
  return OpenSqliteLedgerToRead(path);
}

absl::StatusOr<std::string> StateFlags::DeadLetterFolder(const Context& context) const {
  if (dead_letters.starts_with("pubsub://")) {
    return absl::InvalidArgumentError(
        StrCat("--dlq ", dead_letters,
               ": records in a topic cannot be looked up; read them through a subscription of it: "
               "millrace dlq replay pubsub://PROJECT/SUBSCRIPTION"));
  }
  if (!dead_letters.empty()) return LocalPath("--dlq", dead_letters, "file://");
  ASSIGN_OR_RETURN(const std::string folder, StateFolder(context));
  return folder + "/dead_letters";
}

void MixpanelFlags::AddTo(std::vector<Flag>& flags) {
  flags.push_back({.name = "--project-id",
                   .target = &project_id,
                   .value = "ID",
                   .doc = "Mixpanel project; required with a service account",
                   .env = "MIXPANEL_PROJECT_ID"});
  flags.push_back({.name = "--region",
                   .target = &region,
                   .value = "us|eu|in",
                   .doc = "region that stores the project's data",
                   .env = "MIXPANEL_REGION"});
  flags.push_back({.name = "--mixpanel-url",
                   .target = &url,
                   .value = "URL",
                   .doc = "replaces every Mixpanel host: a sandbox or a proxy",
                   .env = "MIXPANEL_URL"});
  flags.push_back({.name = "--credentials-file",
                   .target = &credentials_file,
                   .value = "FILE",
                   .doc = "JSON file with token and/or service_account (default: the environment "
                          "variables MIXPANEL_TOKEN and MIXPANEL_SERVICE_ACCOUNT, user:secret)",
                   .env = "MIXPANEL_CREDENTIALS_FILE"});
  flags.push_back({.name = "--mixpanel_project_token",
                   .target = &token,
                   .value = "TOKEN",
                   .doc = "project token, as in the old importer; prefer MIXPANEL_TOKEN, because "
                          "other users can see command lines",
                   .aliases = {"--token"},
                   .secret = true});
  flags.push_back({.name = "--mixpanel_api_secret",
                   .target = &api_secret,
                   .value = "SECRET",
                   .doc = "project secret, as in the old importer; prefer the environment variable "
                          "MIXPANEL_API_SECRET",
                   .secret = true});
}

absl::StatusOr<mixpanel::Endpoints> MixpanelFlags::Endpoints() const {
  if (!url.empty()) return mixpanel::Endpoints::ForUrl(url);
  ASSIGN_OR_RETURN(const mixpanel::Region parsed, mixpanel::ParseRegion(region));
  return mixpanel::Endpoints::ForRegion(parsed);
}

absl::StatusOr<mixpanel::Credentials> MixpanelFlags::Credentials(
    const Environment& environment) const {
  ASSIGN_OR_RETURN(mixpanel::Credentials credentials,
                   mixpanel::LoadCredentials(credentials_file, environment));
  if (!token.empty()) credentials.token = token;
  if (!api_secret.empty()) credentials.api_secret = api_secret;
  return credentials;
}

absl::StatusOr<mixpanel::DestinationOptions> MixpanelFlags::Options(
    const Environment& environment) const {
  mixpanel::DestinationOptions options;
  ASSIGN_OR_RETURN(options.endpoints, Endpoints());
  ASSIGN_OR_RETURN(options.credentials, Credentials(environment));
  options.project_id = project_id;
  return options;
}

void DestinationFlags::AddTo(std::vector<Flag>& flags) {
  flags.push_back({.name = "--to",
                   .target = &to,
                   .value = "DEST",
                   .doc = "destination: a name from --destinations, or a URI such as "
                          "postgres://HOST/DATABASE; docs/destinations.md lists them (default: "
                          "mixpanel)"});
  flags.push_back({.name = "--destinations",
                   .target = &file,
                   .value = "FILE",
                   .doc = "JSON file that gives destinations names and options",
                   .env = "MILLRACE_DESTINATIONS"});
  mixpanel.AddTo(flags);
}

absl::Status DistinctDestinations::Add(const Destination& destination) {
  for (const RecordType type : kAllRecordTypes) {
    if (!destination.CheckConfig(type).ok()) continue;  // it takes no such records
    if (names_.insert(destination.LedgerName(type)).second) continue;
    return absl::InvalidArgumentError(StrCat("two ", what_, ", the last ", destination.label(),
                                             ", write ", PluralOf(type),
                                             " to the same place: they would be there twice"));
  }
  if (labels_.insert(destination.label()).second) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("two ", what_, " are called ", destination.label(),
             ", and reports could not tell them apart: give each its project_id"));
}

absl::StatusOr<std::vector<NamedDestination>> DestinationFlags::Targets() const {
  NamedDestinations named;
  if (!file.empty()) {
    ASSIGN_OR_RETURN(named, NamedDestinations::Load(file));
  }
  std::vector<NamedDestination> targets;
  for (const std::string& name : to.empty() ? std::vector<std::string>{"mixpanel"} : to) {
    const NamedDestination* const found = named.Find(name);
    targets.push_back(found == nullptr ? NamedDestination{.uri = name} : *found);
  }
  return targets;
}

absl::StatusOr<std::unique_ptr<Destination>> DestinationFlags::OpenTarget(
    const NamedDestination& target, const Environment& environment,
    const std::function<absl::Status(mixpanel::DestinationOptions&)>& set_mixpanel) const {
  RETURN_IF_ERROR(CheckVariables(target.environment, environment));
  const Environment own = RenameVariables(environment, target.environment);
  return OpenDestination(
      target.uri,
      {.environment = own, .mixpanel = [&]() -> absl::StatusOr<mixpanel::DestinationOptions> {
         ASSIGN_OR_RETURN(mixpanel::DestinationOptions options, mixpanel.Options(own));
         if (set_mixpanel) RETURN_IF_ERROR(set_mixpanel(options));
         return options;
       }});
}

absl::StatusOr<std::vector<std::unique_ptr<Destination>>> DestinationFlags::Open(
    const Context& context,
    std::function<absl::Status(mixpanel::DestinationOptions&)> set_mixpanel) const {
  ASSIGN_OR_RETURN(const std::vector<NamedDestination> targets, Targets());
  std::vector<std::unique_ptr<Destination>> destinations;
  DistinctDestinations distinct("--to");
  for (const NamedDestination& target : targets) {
    ASSIGN_OR_RETURN(auto destination, OpenTarget(target, context.environment, set_mixpanel));
    RETURN_IF_ERROR(distinct.Add(*destination));
    destinations.push_back(std::move(destination));
  }
  return destinations;
}

absl::StatusOr<std::unique_ptr<Destination>> DestinationFlags::OpenOne(
    const Context& context,
    std::function<absl::Status(mixpanel::DestinationOptions&)> set_mixpanel) const {
  if (to.size() > 1) return absl::InvalidArgumentError("give one --to: run it once for each");
  ASSIGN_OR_RETURN(auto destinations, Open(context, std::move(set_mixpanel)));
  return std::move(destinations.front());
}

absl::Status CheckConfig(const Destination& destination, const SourcesConfig& sources) {
  for (const auto& entry : sources.entries()) {
    RETURN_IF_ERROR(destination.CheckConfig(entry->record_type));
  }
  return absl::OkStatus();
}

void SourceFlags::AddTo(std::vector<Flag>& flags) {
  flags.push_back({.name = "--config",
                   .target = &config,
                   .value = "FILE",
                   .doc = "sources.json, which says how objects are mapped; without it the files "
                          "must be in Mixpanel's event format",
                   .env = "MILLRACE_CONFIG",
                   .aliases = {"--source_configs_gcs_uri"}});
  flags.push_back({.name = "--input",
                   .target = &inputs,
                   .value = "INPUT",
                   .doc = "one more input, as in the old importer",
                   .aliases = {"--input_gcs_pattern"}});
  flags.push_back({.name = "--strict",
                   .target = &strict,
                   .doc =
                       "treat warnings as errors: a file that causes one, for example by lacking a "
                       "mapped column, is refused before any of its rows is read"});
  flags.push_back(AsFilesFlag(&as_files));
}

absl::StatusOr<SourcesConfig> SourceFlags::Sources(const StoreOptions& stores) const {
  if (config.empty()) return SourcesConfig::MixpanelFormat();
  return ReadSources(config, stores);
}

void ImportFlags::AddTo(std::vector<Flag>& flags) {
  source.AddTo(flags);
  destination.AddTo(flags);
  state.AddTo(flags);
}

absl::StatusOr<ImportRequest> ImportFlags::Request(const Context& context, InputsAre inputs) const {
  ImportRequest request;
  request.inputs = source.inputs;
  if (request.inputs.empty() && inputs == InputsAre::kRequired) {
    return absl::InvalidArgumentError(
        "no input: name files, folders or globs, for example 'events/**/*.parquet'");
  }
  request.stores = {.environment = context.environment, .stop = context.stop};
  ASSIGN_OR_RETURN(request.sources, source.Sources(request.stores));
  request.config_path = source.config;
  request.strict = source.strict;
  request.as_files = source.as_files;
  return request;
}

Flag AsFilesFlag(bool* target) {
  return {
      "--as-files", target, "",
      "read all files in the folder of a Delta, Iceberg or Hudi table, although they also contain "
      "rows that the table has deleted"};
}

Flag RetryTimeoutFlag(absl::Duration* target) {
  return {.name = "--retry-timeout",
          .target = AtLeast(target, absl::ZeroDuration()),
          .value = "TIME",
          .doc = "stop the run when nothing has succeeded for this long",
          .old_name = "--retry-for"};
}

}  // namespace millrace::cli
