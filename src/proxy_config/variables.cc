#include "proxy_config/variables.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "auth/google_credentials.h"
#include "base/nearest_name.h"
#include "base/percent_encoding.h"
#include "base/strings.h"
#include "proxy_config/variable_table.h"

namespace millrace::proxy_config {
namespace {

// Where a platform for functions lets a program write, and how much of it the spool may have: the
// smallest disk of such a platform has 512 MB.
constexpr std::string_view kServerlessState = "/tmp/millrace";
constexpr std::string_view kServerlessSpool = "256MB";

struct Runtime {
  std::string_view name;
  bool is_serverless = false;
};
constexpr Runtime kRuntimes[] = {
    {"LOCAL"},           {"GCP", true},    {"AWS", true},
    {"AZURE", true},     {"LAMBDA", true}, {"FUNCTIONS", true},
    {"CLOUD_RUN", true}, {"PROD"},         {"CLOUD_FUNCTIONS", true},
};

std::string Upper(std::string_view text) { return absl::AsciiStrToUpper(ToAbsl(text)); }
std::string Lower(std::string_view text) { return absl::AsciiStrToLower(ToAbsl(text)); }

std::vector<std::string> SplitList(const std::string& text) {
  std::vector<std::string> items;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    if (const std::string_view item = TrimBlanks(ToStd(part)); !item.empty()) {
      items.emplace_back(item);
    }
  }
  return items;
}

// The names of three variables that hold one set of Google credentials.
struct GoogleVariables {
  std::string_view keyfile, email, key;
};
constexpr GoogleVariables kBigqueryCredentials = {
    "bigquery_keyfile", "bigquery_service_account_email", "bigquery_service_account_private_key"};
constexpr GoogleVariables kPubsubCredentials = {"pubsub_keyfile", "pubsub_service_account_email",
                                                "pubsub_service_account_private_key"};
constexpr GoogleVariables kGcsCredentials = {"gcs_keyfile", "gcs_service_account",
                                             "gcs_service_account_private_key"};

class Translator {
 public:
  Translator(const Environment& environment, ConfigProblems& problems)
      : environment_(environment), problems_(problems) {}

  void ReadServer();
  void ReadDestinations();
  // Those of DESTINATIONS, once they are read.
  const std::set<std::string, std::less<>>& destinations() const { return kinds_; }
  FromVariables Take() { return std::move(result_); }

 private:
  using Names = VariableNames;

  std::string Get(std::string_view name) const { return environment_(name).value_or(""); }
  bool IsSet(std::string_view name) const { return environment_(name).has_value(); }
  void Warn(std::string_view name, std::string_view what) {
    result_.warnings.push_back(StrCat(name, ": ", what));
  }

  void ReadOrigins();
  void ReadLogLevel();
  void AddDestination(const std::string& kind);
  void AddMixpanel();
  void AddPubsub();
  void AddS3();
  void AddAzure();
  void Add(std::string_view name, std::string uri, Names names);
  void AddSnowflake();
  void AddRedshift();
  Names CredentialsOf(const GoogleVariables& variables);
  Names SnowflakeCredentials();
  static Names AwsCredentials(std::string_view key_id, std::string_view secret,
                              std::string_view token);
  std::string Tables() const;
  void ReadBadTopic();
  void WarnOfOthers();

  const Environment& environment_;
  ConfigProblems& problems_;
  std::set<std::string, std::less<>> kinds_;  // that DESTINATIONS has
  FromVariables result_;
};

void Translator::ReadServer() {
  ReadOrigins();
  ReadLogLevel();
  if (IsSet("MIXPANEL_TOKEN")) {
    result_.config.Set("replace_token_variable", "MIXPANEL_TOKEN", "MIXPANEL_TOKEN");
  }
  if (const std::string region = Get("MIXPANEL_REGION"); !region.empty()) {
    result_.config.Set("region", Lower(region), "MIXPANEL_REGION");
  }
}

// No origins: those of all pages are echoed.
void Translator::ReadOrigins() {
  constexpr std::string_view kName = "FRONTEND_URL";
  const std::vector<std::string> urls = SplitList(Get(kName));
  if (urls.empty() || (urls.size() == 1 && Lower(urls[0]) == "none")) return;
  if (std::find(urls.begin(), urls.end(), "*") != urls.end()) {
    Warn(kName,
         "* cannot be said to browsers that send credentials; the origin of each page is "
         "named instead, as with none");
    return;
  }
  result_.config.SetList("origin", urls, kName);
}

void Translator::ReadLogLevel() {
  constexpr std::string_view kName = "NODE_ENV";
  const std::string mode = Lower(Get(kName));
  if (mode.empty()) return;
  if (mode == "dev" || mode == "development" || mode == "test") {
    result_.config.Set("log_level", "debug", kName);
    result_.config.SetTrue("allow_drop", kName);
  } else if (mode != "prod" && mode != "production") {
    problems_.Add(kName, StrCat("\"", Shorten(mode, 40), "\" is not known; write dev or prod"));
  }
}

void Translator::ReadDestinations() {
  std::vector<std::string> order;
  const std::vector<std::string> items = SplitList(Get("DESTINATIONS"));
  for (const std::string& item : items) {
    const std::string kind = Lower(item);
    const auto known = DestinationKinds();
    if (std::find(known.begin(), known.end(), kind) == known.end()) {
      problems_.Add("DESTINATIONS",
                    StrCat("\"", Shorten(item, 40), "\" is not known", Suggestion(kind, known)));
    } else if (kinds_.insert(kind).second) {
      order.push_back(kind);
    }
  }
  if (items.empty()) problems_.Add("DESTINATIONS", "names no destination");
  for (const std::string& kind : order) AddDestination(kind);
  result_.config.SetTrue("create", "DESTINATIONS");
  ReadBadTopic();
  WarnOfOthers();
}

void Translator::AddDestination(const std::string& kind) {
  CheckRequired(kind, environment_, problems_);
  if (kind == "mixpanel") return AddMixpanel();
  if (kind == "pubsub") return AddPubsub();
  if (kind == "gcs") {
    return Add(kind, StrCat("gs://", Get("gcs_bucket"), "/?format=ndjson.gz", Tables()),
               CredentialsOf(kGcsCredentials));
  }
  if (kind == "s3") return AddS3();
  if (kind == "azure") return AddAzure();
  if (kind == "snowflake") return AddSnowflake();
  if (kind == "redshift") return AddRedshift();
  Add("bigquery",
      StrCat("bigquery://", absl::StrReplaceAll(UrlEncode(Get("bigquery_project")), {{"%3A", ":"}}),
             "/", UrlEncode(Get("bigquery_dataset")), "?", Tables().substr(1)),
      CredentialsOf(kBigqueryCredentials));
}

void Translator::Add(std::string_view name, std::string uri, Names names) {
  result_.config.destinations.push_back({.name = std::string(name),
                                         .target = {std::move(uri), std::move(names)},
                                         .origin = StrCat("DESTINATIONS: ", name)});
}

void Translator::AddMixpanel() {
  const bool has_credentials = IsSet("MIXPANEL_TOKEN") || IsSet("MIXPANEL_SERVICE_ACCOUNT") ||
                               IsSet("MIXPANEL_API_SECRET") || IsSet("MIXPANEL_CREDENTIALS_FILE");
  Add("mixpanel", has_credentials ? "mixpanel" : "mixpanel:?tokens=records", {});
}

// "&events=...&users=...&groups=..."
std::string Translator::Tables() const {
  constexpr std::pair<std::string_view, std::string_view> kTables[] = {
      {"events", "EVENTS_TABLE_NAME"},
      {"users", "USERS_TABLE_NAME"},
      {"groups", "GROUPS_TABLE_NAME"}};
  std::string tables;
  for (const auto& [option, variable] : kTables) {
    const std::string name = Get(variable);
    StrAppend(&tables, "&", option, "=", UrlEncode(name.empty() ? option : name));
  }
  return tables;
}

void Translator::AddPubsub() {
  std::string project = Get("pubsub_project");
  if (project.empty()) project = Get("bigquery_project");
  if (project.empty()) problems_.Add("pubsub_project", "is not set, but DESTINATIONS has pubsub");
  const std::string topic = Get("pubsub_good_topic");
  Add("pubsub",
      topic.empty() ? StrCat("pubsub://", project, "?form=flat", Tables())
                    : StrCat("pubsub://", project, "/", topic, "?form=flat"),
      CredentialsOf(kPubsubCredentials));
}

void Translator::AddS3() {
  Names names = AwsCredentials("s3_access_key_id", "s3_secret_access_key", "");
  names["AWS_REGION"] = "s3_region";
  Add("s3", StrCat("s3://", Get("s3_bucket"), "/?format=ndjson.gz", Tables()), std::move(names));
}

void Translator::AddAzure() {
  Names names;
  if (IsSet("azure_connection_string")) {
    names = {{"AZURE_STORAGE_CONNECTION_STRING", "azure_connection_string"}};
  } else {
    names = {{"AZURE_STORAGE_CONNECTION_STRING", std::nullopt},
             {"AZURE_STORAGE_ACCOUNT", "azure_account"},
             {"AZURE_STORAGE_KEY", "azure_key"}};
    for (const std::string_view name : {"azure_account", "azure_key"}) {
      if (IsSet(name)) continue;
      problems_.Add(name,
                    "is not set, but DESTINATIONS has azure; set it, or "
                    "azure_connection_string");
    }
  }
  Add("azure", StrCat("az://", Get("azure_container"), "/?format=ndjson.gz", Tables()),
      std::move(names));
}

// A key pair, or a programmatic access token in the place of the password. What the process has for
// other programs does not count.
VariableNames Translator::SnowflakeCredentials() {
  Names names;
  for (const std::string_view other :
       {"SNOWFLAKE_PRIVATE_KEY", "SNOWFLAKE_PRIVATE_KEY_RAW", "SNOWFLAKE_PRIVATE_KEY_FILE",
        "SNOWFLAKE_PRIVATE_KEY_PATH", "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE", "PRIVATE_KEY_PASSPHRASE",
        "SNOWFLAKE_TOKEN", "SNOWFLAKE_TOKEN_FILE_PATH", "SNOWFLAKE_PASSWORD",
        "SNOWFLAKE_AUTHENTICATOR", "SNOWFLAKE_HOST"}) {
    names[std::string(other)] = std::nullopt;
  }
  if (IsSet("snowflake_private_key")) {
    names["SNOWFLAKE_PRIVATE_KEY"] = "snowflake_private_key";
    if (IsSet("snowflake_password")) {
      Warn("snowflake_password", "snowflake_private_key is used instead");
    }
    return names;
  }
  if (!IsSet("snowflake_password")) {
    problems_.Add("snowflake_password",
                  "is not set, but DESTINATIONS has snowflake; set it to a programmatic access "
                  "token, or set snowflake_private_key");
  } else if (IsSet("snowflake_pipe")) {
    problems_.Add("snowflake_private_key", "is not set, but snowflake_pipe needs it");
  }
  names["SNOWFLAKE_PASSWORD"] = "snowflake_password";
  return names;
}

// The old server uploaded files to an internal stage, and pipes loaded them; both need Snowflake's
// driver. Snowpipe Streaming takes the rows themselves.
void Translator::AddSnowflake() {
  std::string options =
      StrCat("?user=", UrlEncode(Get("snowflake_user")), "&role=", UrlEncode(Get("snowflake_role")),
             "&warehouse=", UrlEncode(Get("snowflake_warehouse")),
             "&url=", UrlEncode(Get("snowflake_access_url")), Tables());
  const std::string pipe = Get("snowflake_pipe");
  if (IsSet("snowflake_private_key") || IsSet("snowflake_stage")) options += "&method=streaming";
  if (!pipe.empty()) StrAppend(&options, "&pipe=", UrlEncode(pipe));
  if (IsSet("snowflake_stage")) {
    Warn("snowflake_stage",
         "is not used: rows are sent by Snowpipe Streaming, which needs no files in a stage");
  }
  Add("snowflake",
      StrCat("snowflake://", UrlEncode(Get("snowflake_account")), "/",
             UrlEncode(Get("snowflake_database")), "/", UrlEncode(Get("snowflake_schema")),
             options),
      SnowflakeCredentials());
}

void Translator::AddRedshift() {
  Add("redshift",
      StrCat("redshift://", UrlEncode(Get("redshift_workgroup")), "/",
             UrlEncode(Get("redshift_database")), "/", UrlEncode(Get("redshift_schema_name")),
             "?region=", UrlEncode(Get("redshift_region")), Tables()),
      AwsCredentials("redshift_access_key_id", "redshift_secret_access_key",
                     IsSet("redshift_session_token") ? "redshift_session_token" : ""));
}

// `token`: empty if there is none.
VariableNames Translator::AwsCredentials(std::string_view key_id, std::string_view secret,
                                         std::string_view token) {
  Names names = {{"AWS_ACCESS_KEY_ID", std::string(key_id)},
                 {"AWS_SECRET_ACCESS_KEY", std::string(secret)},
                 {"AWS_SESSION_TOKEN", std::nullopt},
                 {"AWS_PROFILE", std::nullopt}};
  if (!token.empty()) names["AWS_SESSION_TOKEN"] = std::string(token);
  return names;
}

VariableNames Translator::CredentialsOf(const GoogleVariables& variables) {
  const bool has_email = IsSet(variables.email), has_key = IsSet(variables.key);
  if (IsSet(variables.keyfile)) {
    if (has_email && has_key) Warn(variables.email, StrCat(variables.keyfile, " is used instead"));
    return {{"GOOGLE_APPLICATION_CREDENTIALS", std::string(variables.keyfile)},
            {std::string(kGoogleEmailVariable), std::nullopt},
            {std::string(kGooglePrivateKeyVariable), std::nullopt}};
  }
  if (has_email != has_key) {
    const std::string_view missing = has_email ? variables.key : variables.email;
    problems_.Add(missing, StrCat("is not set, but ", has_email ? variables.email : variables.key,
                                  " is; set both, or ", variables.keyfile,
                                  ", or none for the credentials of the machine"));
  }
  if (!has_email || !has_key) return {};
  return {{std::string(kGoogleEmailVariable), std::string(variables.email)},
          {std::string(kGooglePrivateKeyVariable), std::string(variables.key)}};
}

void Translator::ReadBadTopic() {
  constexpr std::string_view kName = "pubsub_bad_topic";
  const std::string topic = Get(kName);
  if (topic.empty()) return;
  const bool of_pubsub = kinds_.contains("pubsub");
  if (!of_pubsub && !kinds_.contains("bigquery")) {
    Warn(kName,
         "has no effect without pubsub or bigquery in DESTINATIONS; --dlq keeps rejected "
         "records");
    return;
  }
  std::string project = of_pubsub ? Get("pubsub_project") : "";
  if (project.empty()) project = Get("bigquery_project");
  result_.config.Set("dlq_topic_api_errors", StrCat("pubsub://", project, "/", topic), kName);
  for (const ConfiguredDestination& one : result_.config.destinations) {
    if (one.name == (of_pubsub ? "pubsub" : "bigquery"))
      result_.config.dlq_environment = one.target.environment;
  }
}

void Translator::WarnOfOthers() {
  for (const Variable& variable : AllVariables()) {
    if (variable.no_effect.empty() || !IsSet(variable.name)) continue;
    if (!variable.destination.empty() && !kinds_.contains(variable.destination)) {
      continue;
    }
    Warn(variable.name, StrCat("has no effect: ", variable.no_effect));
  }
}

// Where the spool of a platform is.
void ReadRuntime(const std::string& runtime, FromVariables& result, ConfigProblems& problems) {
  const std::string name = Upper(runtime);
  const auto* const found = std::find_if(std::begin(kRuntimes), std::end(kRuntimes),
                                         [&](const Runtime& one) { return one.name == name; });
  if (found == std::end(kRuntimes)) {
    problems.Add("RUNTIME", StrCat("\"", Shorten(runtime, 40),
                                   "\" is not known; write LOCAL, GCP, AWS or AZURE"));
    return;
  }
  if (!found->is_serverless) return;
  result.config.Set("state", std::string(kServerlessState), "RUNTIME");
  result.config.Set("spool_max", std::string(kServerlessSpool), "RUNTIME");
  result.warnings.push_back(StrCat(
      "RUNTIME: the spool is on the disk of this instance, by default in ", kServerlessState,
      ". What no destination has yet is lost if the platform removes the instance: mount a disk "
      "that stays and name it with --spool, or answer after delivery with --spool none"));
}

}  // namespace

FromVariables ListenerOf(const Environment& environment, bool needs_port,
                         ConfigProblems& problems) {
  FromVariables result;
  const std::string runtime = environment("RUNTIME").value_or("");
  std::string port_name = "PORT";
  if (environment("FUNCTIONS_CUSTOMHANDLER_PORT")) port_name = "FUNCTIONS_CUSTOMHANDLER_PORT";
  const std::optional<std::string> text = environment(port_name);
  if (needs_port && (text || !runtime.empty())) {
    uint32_t port = 8080;
    if (text && (!absl::SimpleAtoi(*text, &port) || port > 65535)) {
      problems.Add(port_name, "must be a number from 0 to 65535");
    }
    result.config.Set("listen", StrCat("0.0.0.0:", port), text ? port_name : "RUNTIME");
  }
  if (!runtime.empty()) ReadRuntime(runtime, result, problems);
  return result;
}

bool HasDestinations(const Environment& environment) {
  return environment("DESTINATIONS").has_value();
}

FromVariables ConfigOf(const Environment& environment, const std::vector<std::string>& names,
                       bool needs_destinations, ConfigProblems& problems) {
  if (!HasDestinations(environment)) {
    CheckSpellingOfDestinations(names, problems);
    return {};
  }
  Translator translator(environment, problems);
  translator.ReadServer();
  if (needs_destinations) translator.ReadDestinations();
  CheckSpelling(names, translator.destinations(), problems);
  return translator.Take();
}

}  // namespace millrace::proxy_config
