#include "cli/proxy_setup.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/config_reader.h"
#include "base/nearest_name.h"
#include "base/redact.h"
#include "base/status.h"
#include "base/strings.h"
#include "cli/flag_value.h"
#include "cli/size_text.h"
#include "io/durable_file.h"
#include "net/url.h"
#include "proxy/cors.h"
#include "proxy_config/dotenv.h"
#include "proxy_config/variables.h"

namespace millrace::cli {
namespace {

using proxy_config::ConfiguredDestination;
using proxy_config::ProxyConfig;
using proxy_config::Setting;

constexpr uint64_t kMegabyte = 1'000'000;
constexpr uint64_t kMinSpool = 256 * kMegabyte;
// Of records that wait in memory for their destinations.
constexpr uint64_t kMemorySegment = 16 << 20, kMaxMemory = 4 * kMemorySegment;
constexpr size_t kMaxFileBytes = 8 << 20;

constexpr std::string_view kLogLevels[] = {"debug", "info", "warning", "error"};  // as Severity

// `message` with the variables called as the user calls them. A name of which no variable is set
// may be a secret in the wrong place, and is not repeated.
std::string WithOwnNames(std::string message, const VariableNames& names,
                         const Environment& environment) {
  const auto is_part = [](char c) {
    return c == '_' || absl::ascii_isalnum(static_cast<unsigned char>(c));
  };
  for (const auto& [known, own] : names) {
    if (!own || *own == known || !environment(*own)) continue;
    for (size_t at = message.find(known); at != std::string::npos; at = message.find(known, at)) {
      const size_t end = at + known.size();
      const bool is_longer =
          (at > 0 && is_part(message[at - 1])) || (end < message.size() && is_part(message[end]));
      if (!is_longer) message.replace(at, known.size(), *own);
      at += is_longer ? known.size() : own->size();
    }
  }
  return message;
}

// Reads everything into a setup, and keeps what is wrong with it.
class SetupReader {
 public:
  SetupReader(const ProxyFlags& flags, const Context& context) : context_(context) {
    setup_.flags = flags;
    setup_.environment = context.environment;
    table_ = setup_.flags.Table();
    given_ = context.given;
    variable_names_ = context.variable_names;
  }

  absl::StatusOr<ProxySetup> Read() {
    ReadEnvFile();
    ReadConfig();
    ApplySettings();
    MakeRequests();
    MakeListeners();
    MakeUpstream();
    MakeSpool();
    OpenDestinations();
    MakeResponses();
    if (context_.stop.stop_requested()) return absl::CancelledError("stopped");
    RETURN_IF_ERROR(problems_.ToStatus(""));
    DescribeConfig();
    return std::move(setup_);
  }

 private:
  ProxyFlags& flags() { return setup_.flags; }
  bool IsGiven(std::string_view name) const { return given_.contains(name); }
  // Where the value of a flag is from, for messages.
  std::string PlaceOf(std::string_view flag) const {
    const auto found = origins_.find(flag);
    return found == origins_.end() ? std::string(flag) : found->second;
  }
  void Add(std::string_view flag, const absl::Status& status) {
    if (!status.ok()) problems_.Add(PlaceOf(flag), ToStd(status.message()));
  }
  void AddValue(std::string_view flag, const std::string& value, const absl::Status& status) {
    if (!status.ok())
      problems_.Add(StrCat(PlaceOf(flag), " ", RedactSecrets(value)), ToStd(status.message()));
  }
  std::optional<std::string> ReadFile(std::string_view flag, const std::string& path) {
    absl::StatusOr<std::string> text = ReadWholeFile(path, kMaxFileBytes, context_.stop);
    if (text.ok()) return *std::move(text);
    Add(flag, text.status());
    return std::nullopt;
  }

  void ReadEnvFile();
  void ReadConfig();
  void ApplySettings();
  void Apply(const Flag& flag, const std::string& key, const Setting& setting);
  void MakeRequests();
  void MakeListeners();
  void MakeUpstream();
  void MakeSpool();
  void MakeDiskSpool(SpoolOptions& spool);
  void MakeResponses();
  void OpenDestinations();
  void TakeTargets();
  void CheckFollower(const ConfiguredDestination& one, Destination& destination);
  void DescribeConfig();

  const Context& context_;
  ConfigProblems problems_;
  ProxySetup setup_;
  std::vector<Flag> table_;  // of setup_.flags
  std::set<std::string, std::less<>> given_;
  std::vector<std::string> variable_names_;
  std::map<std::string, std::string, std::less<>> origins_;  // by the flag's name
  std::set<std::string> wrong_transforms_;                   // by place
  bool destinations_known_ = true;
};

// The variables of the file count as those of the process, which win.
void SetupReader::ReadEnvFile() {
  if (flags().env_file.empty()) return;
  const std::optional<std::string> text = ReadFile("--env-file", flags().env_file);
  if (!text) return;
  std::vector<proxy_config::DotenvVariable> variables =
      proxy_config::ParseDotenv(*text, flags().env_file, problems_, setup_.warnings);
  for (const auto& variable : variables) variable_names_.push_back(variable.name);
  setup_.environment = proxy_config::AddVariables(context_.environment, std::move(variables));
  for (const Flag& flag : table_) {
    if (flag.env.empty() || IsGiven(flag.name)) continue;
    const std::optional<std::string> value = setup_.environment(flag.env);
    if (!value) continue;
    if (std::string wrong = SetFlag(flag, *value); !wrong.empty()) problems_.Add(flag.env, wrong);
    origins_[flag.name] = flag.env;
    given_.insert(flag.name);
  }
}

void SetupReader::ReadConfig() {
  const size_t before = problems_.size();
  if (const std::string& path = flags().config; !path.empty()) {
    if (const auto text = ReadFile("--config", path)) {
      setup_.config = proxy_config::ParseProxyConfig(*text, path, problems_);
    }
  }
  const bool has_list = !setup_.config.destinations.empty();
  const bool has_to = IsGiven("--to");
  const auto take = [this](proxy_config::FromVariables variables) {
    setup_.config.FillFrom(std::move(variables.config));
    std::move(variables.warnings.begin(), variables.warnings.end(),
              std::back_inserter(setup_.warnings));
  };
  take(
      proxy_config::ConfigOf(setup_.environment, variable_names_, !has_list && !has_to, problems_));
  destinations_known_ = problems_.size() == before;
  const bool needs_port = !IsGiven("--listen") && !setup_.config.settings.contains("listen");
  take(proxy_config::ListenerOf(setup_.environment, needs_port, problems_));
  if (has_list && !has_to && proxy_config::HasDestinations(setup_.environment)) {
    problems_.Add("DESTINATIONS", StrCat(flags().config,
                                         " has destinations, too; remove DESTINATIONS"
                                         ", or \"destinations\" in the file"));
  }
  if (has_to) setup_.config.destinations.clear();
}

void SetupReader::ApplySettings() {
  std::map<std::string, const Flag*, std::less<>> by_key;
  std::vector<std::string_view> keys = {"destinations", "dlq_environment"};
  for (const Flag& flag : table_) {
    if (std::string key = ConfigKeyOf(flag); !key.empty()) by_key[std::move(key)] = &flag;
  }
  for (const auto& [key, flag] : by_key) keys.push_back(key);
  for (const auto& [key, setting] : setup_.config.settings) {
    const auto found = by_key.find(key);
    if (found != by_key.end()) {
      if (!IsGiven(found->second->name)) Apply(*found->second, key, setting);
      continue;
    }
    const std::string_view nearest = NearestName(key, keys);
    problems_.Add(
        setting.origin,
        StrCat("is no key", nearest.empty() ? "; docs/proxy-json.md lists them"
                                            : StrCat("; did you mean \"", nearest, "\"?")));
  }
}

void SetupReader::Apply(const Flag& flag, const std::string& key, const Setting& setting) {
  origins_[flag.name] = setting.origin;
  if (auto* const* list = std::get_if<std::vector<std::string>*>(&flag.target)) {
    if (!setting.is_text) {
      return problems_.Add(setting.origin,
                           "must be a list of texts in quotes, such as [\"a\", \"b\"]");
    }
    **list = setting.values;
    return;
  }
  if (setting.is_list || setting.is_text != IsText(flag)) {
    return problems_.Add(setting.origin, std::holds_alternative<bool*>(flag.target)
                                             ? "must be true or false"
                                         : IsText(flag) ? "must be a text in quotes"
                                                        : "must be a number");
  }
  std::string value = setting.values.front();
  if (flag.secret) {
    std::optional<std::string> secret = setup_.environment(value);
    if (!secret) {
      // What is named may be a secret in the wrong place, and is not repeated.
      return problems_.Add(setting.origin,
                           StrCat("names a variable that is not set; set it, or remove ", key));
    }
    value = *std::move(secret);
  }
  if (std::string wrong = SetFlag(flag, value); !wrong.empty()) {
    problems_.Add(setting.origin, wrong);
  }
}

void SetupReader::MakeRequests() {
  proxy::PublicHandlerOptions& requests = setup_.options.requests;
  const size_t before = problems_.size();
  for (const std::string& prefix : flags().prefixes) {
    AddValue("--prefix", prefix, proxy::Routes::Make({.prefixes = {prefix}}).status());
  }
  requests.routes.prefixes = flags().prefixes;
  for (const std::string& alias : flags().aliases) {
    const size_t equals = alias.find('=');
    if (equals == std::string::npos) {
      AddValue("--alias", alias, absl::InvalidArgumentError("write NAME=PATH, such as /t=/track"));
      continue;
    }
    requests.routes.aliases.emplace_back(alias.substr(0, equals), alias.substr(equals + 1));
    AddValue("--alias", alias,
             proxy::Routes::Make({.aliases = {requests.routes.aliases.back()}}).status());
  }
  if (problems_.size() == before) Add("", proxy::Routes::Make(requests.routes).status());
  for (const std::string& origin : flags().origins) {
    AddValue("--origin", origin, proxy::Cors::Make({origin}).status());
  }
  requests.allowed_origins = flags().origins;
  for (const std::string& range : flags().trusted_proxies) {
    absl::StatusOr<proxy::AddressRange> parsed = proxy::AddressRange::Parse(range);
    AddValue("--trusted-proxy", range, parsed.status());
    if (parsed.ok()) requests.addresses.trusted_proxies.push_back(*std::move(parsed));
  }
  requests.addresses.anonymizes = flags().anonymize_ip;
  requests.version = MILLRACE_VERSION;

  setup_.tokens.replacement = flags().token;
  setup_.tokens.allowed.insert(flags().tokens.begin(), flags().tokens.end());
  setup_.tokens.refused.insert(flags().refused_tokens.begin(), flags().refused_tokens.end());
  if (std::find(std::begin(kLogLevels), std::end(kLogLevels), flags().log_level) ==
      std::end(kLogLevels)) {
    problems_.Add(PlaceOf("--log-level"), "write debug, info, warning or error");
  }
}

void SetupReader::MakeListeners() {
  proxy::ProxyOptions& options = setup_.options;
  options.listen.listen = flags().listen;
  options.listen.threads = static_cast<int>(flags().threads);
  options.listen.max_connections = static_cast<int>(flags().connections);
  options.listen.max_body_bytes = options.requests.max_body_bytes;
  options.listen.max_partial_body_bytes = options.requests.max_bytes_in_flight;
  options.listen.header_timeout = absl::Seconds(10);
  options.listen.request_timeout = absl::Seconds(30);
  options.admin_listen.listen = flags().admin_listen;
  options.admin_listen.threads = 1;
  options.admin_listen.max_body_bytes = 64 << 10;
  options.admin_token = flags().admin_token;
  options.allows_drop = flags().allow_drop;

  const ProxyFiles::Paths& paths = flags().files;
  if (paths.tls_cert.empty() != paths.tls_key.empty()) {
    problems_.Add("", "--tls-cert and --tls-key need each other");
  } else {
    const ProxyFiles files(paths, setup_.tokens);
    auto certificate = files.ReadCertificate();
    Add("--tls-cert", certificate.status());
    if (certificate.ok()) options.listen.tls = *std::move(certificate);
  }
  auto tokens = ProxyFiles(paths, setup_.tokens).ReadTokens();
  Add("--token-rules", tokens.status());
  if (tokens.ok()) options.tokens = *std::move(tokens);
}

void SetupReader::MakeUpstream() {
  proxy::PassThroughOptions& upstream = setup_.options.upstream;
  const auto check = [this](std::string_view flag, const std::string& url) {
    AddValue(flag, url, ParseUrl(url).status());
  };
  if (flags().upstream.empty()) {
    const auto mixpanel = flags().destination.mixpanel.Endpoints();
    Add("--region", mixpanel.status());
    if (mixpanel.ok()) upstream.api_url = mixpanel->ingestion;
    upstream.decide_url = "https://decide.mixpanel.com";
  } else if (flags().upstream != "none") {
    check("--upstream", flags().upstream);
    upstream.api_url = upstream.decide_url = flags().upstream;
  }
  if (flags().library_url != "none") {
    check("--library-url", flags().library_url);
    upstream.library_url = flags().library_url;
  }
}

void SetupReader::MakeSpool() {
  proxy::ProxyOptions& options = setup_.options;
  if (flags().has_spool()) {
    MakeDiskSpool(options.spool);
    options.new_destinations_from_oldest = flags().from_oldest;
  } else {
    options.spool.log.segment_bytes = kMemorySegment;
    options.spool.log.max_bytes = kMaxMemory;
  }
  ImportRequest delivery;
  if (const absl::Status status = flags().delivery.ApplyTo(delivery); !status.ok()) {
    problems_.Add("", ToStd(status.message()));
  }
  options.run = delivery.run;
}

void SetupReader::MakeDiskSpool(SpoolOptions& spool) {
  spool.folder = flags().spool;
  const std::string& max = flags().spool_max;
  const std::optional<double> bytes = ParseSize(max);
  if (!bytes || !(*bytes >= static_cast<double>(kMinSpool)) || *bytes > 1e15) {
    AddValue("--spool-max", max,
             absl::InvalidArgumentError(
                 StrCat("write a size of at least ", kMinSpool / kMegabyte, "MB, such as 10GB")));
  } else {
    spool.log.max_bytes = static_cast<uint64_t>(*bytes);
  }
  spool.max_age = flags().spool_max_age;
  if (flags().wait_for_spool) spool.wait = SpoolLock::Wait::kYes;
}

// Which destinations answers name; none: they are what SDKs expect.
void SetupReader::MakeResponses() {
  const std::string& respond = flags().respond;
  if (respond == "sdk") return;
  if (respond != "results") {
    return AddValue("--respond", respond, absl::InvalidArgumentError("write sdk or results"));
  }
  if (flags().has_spool()) {
    return problems_.Add("", StrCat(PlaceOf("--respond"),
                                    " results needs --spool none: with a spool, requests are "
                                    "answered before any destination has their records"));
  }
  for (const auto& destination : setup_.destinations) {
    setup_.options.requests.result_names.push_back(destination->label());
  }
}

void SetupReader::CheckFollower(const ConfiguredDestination& one, Destination& destination) {
  const bool is_own = !one.transform.empty();
  const proxy::ProxyDestination follower{&destination, is_own ? one.transform : flags().transform};
  if (const absl::Status status = destination.CheckConfig(RecordType::kEvent); !status.ok()) {
    problems_.Add(one.origin, WithOwnNames(std::string(status.message()), one.target.environment,
                                           setup_.environment));
  }
  if (const absl::Status status = proxy::CheckTransform(follower); !status.ok()) {
    const std::string place = is_own ? StrCat(one.origin, ": transform") : PlaceOf("--transform");
    // That of several destinations is one problem.
    if (wrong_transforms_.insert(place).second) problems_.Add(place, ToStd(status.message()));
  }
  if (!flags().has_spool() && destination.staging(RecordType::kEvent) != nullptr) {
    AddValue("--spool", "none",
             absl::InvalidArgumentError(StrCat(destination.label(),
                                               " gets files of many requests, which take longer "
                                               "than an answer may; it needs a spool on a disk")));
  }
  setup_.followers.push_back(follower);
}

// Those of --to, by default Mixpanel, become such as a file has.
void SetupReader::TakeTargets() {
  const absl::StatusOr<std::vector<NamedDestination>> targets = flags().destination.Targets();
  if (!targets.ok()) return problems_.Add("", ToStd(targets.status().message()));
  const std::vector<std::string>& to = flags().destination.to;
  for (size_t i = 0; i < targets->size(); ++i) {
    const bool is_name = i < to.size() && IsDestinationName(to[i]);
    setup_.config.destinations.push_back(
        {.name = is_name ? to[i] : StrCat("destination-", i + 1), .target = (*targets)[i]});
  }
}

void SetupReader::OpenDestinations() {
  if (!destinations_known_) return;  // what is missing was said
  const bool from_flags = setup_.config.destinations.empty();
  if (from_flags) TakeTargets();
  DistinctDestinations distinct(from_flags ? "--to" : "destinations");
  for (const ConfiguredDestination& one : setup_.config.destinations) {
    if (one.target.uri.empty()) continue;  // said before
    auto opened = flags().destination.OpenTarget(one.target, setup_.environment,
                                                 [this](mixpanel::DestinationOptions& mixpanel) {
                                                   return flags().delivery.ApplyTo(mixpanel);
                                                 });
    const absl::Status status = opened.ok() ? distinct.Add(**opened) : opened.status();
    if (!status.ok()) {
      problems_.Add(one.origin, WithOwnNames(std::string(status.message()), one.target.environment,
                                             setup_.environment));
      continue;
    }
    CheckFollower(one, **opened);
    setup_.destinations.push_back(*std::move(opened));
  }
  const absl::Status status = CheckVariables(setup_.config.dlq_environment, setup_.environment);
  if (!status.ok()) problems_.Add("dlq_environment", ToStd(status.message()));
}

void SetupReader::DescribeConfig() {
  ProxyFlags defaults;
  const std::vector<Flag> default_table = defaults.Table();
  ProxyConfig& config = setup_.config;
  std::map<std::string, Setting, std::less<>> described;
  for (size_t i = 0; i < table_.size(); ++i) {
    const Flag& flag = table_[i];
    const std::string key = ConfigKeyOf(flag);
    const std::string value = ValueOf(flag);
    if (key.empty() || (value == ValueOf(default_table[i]) && flag.name != "--listen")) continue;
    Setting& setting = described[key];
    setting.is_text = IsText(flag);
    if (auto* const* list = std::get_if<std::vector<std::string>*>(&flag.target)) {
      setting.is_list = true;
      setting.values = **list;
    } else if (!flag.secret) {
      setting.values = {value};
    } else {
      const auto from = config.settings.find(key);
      setting.values = {from == config.settings.end() ? flag.env : from->second.values.front()};
    }
  }
  config.settings = std::move(described);
}

}  // namespace

absl::StatusOr<ProxySetup> ReadProxySetup(const ProxyFlags& flags, const Context& context) {
  return SetupReader(flags, context).Read();
}

std::vector<std::string> NeedsRestart(ProxySetup& before, ProxySetup& after) {
  std::vector<std::string> names;
  const std::vector<Flag> old_table = before.flags.Table(), new_table = after.flags.Table();
  for (size_t i = 0; i < new_table.size(); ++i) {
    if (IsReloadable(new_table[i]) || ValueOf(old_table[i]) == ValueOf(new_table[i])) continue;
    const std::string key = ConfigKeyOf(new_table[i]);
    names.push_back(key.empty() ? new_table[i].name : key);
  }
  const auto destinations = [](const ProxySetup& setup) {
    ProxyConfig config = setup.config;
    config.settings.clear();
    return proxy_config::ToJson(config);
  };
  if (destinations(before) != destinations(after)) names.emplace_back("destinations");
  return names;
}

}  // namespace millrace::cli
