// millrace proxy: an HTTP server for Mixpanel's SDKs.
#include <sys/resource.h>

#include <algorithm>
#include <memory>
#include <ostream>
#include <utility>

#include "base/clock.h"
#include "base/json_writer.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/dead_letter_flags.h"
#include "cli/delivery_flags.h"
#include "cli/proxy_files.h"
#include "cli/shared_flags.h"
#include "cli/size_text.h"
#include "net/url.h"
#include "proxy/proxy.h"

namespace millrace::cli {
namespace {

// How often changed files are looked for.
constexpr absl::Duration kRefreshTime = absl::Seconds(1);
constexpr uint64_t kMegabyte = 1'000'000;
constexpr uint64_t kMinSpool = 256 * kMegabyte;
constexpr std::string_view kNoSpool = "none";
// Of records that wait in memory for their destinations.
constexpr uint64_t kMemorySegment = 16 << 20, kMaxMemory = 4 * kMemorySegment;

struct Options {
  std::string listen = "127.0.0.1:8080";
  std::string admin_listen = "127.0.0.1:0";
  std::string spool;
  std::string spool_max = "10GB";
  absl::Duration spool_max_age = absl::InfiniteDuration();
  bool from_oldest = false;
  bool wait_for_spool = false;
  ProxyFiles::Paths files;
  std::vector<std::string> prefixes, aliases, origins, trusted_proxies, tokens, refused_tokens;
  bool anonymize_ip = false;
  std::string token;
  std::string upstream;
  std::string library_url = "https://cdn.mxpnl.com/libs";
  std::string transform;
  int64_t threads = 2;
  int64_t connections = 10'000;
  std::string respond = "sdk";
  DestinationFlags destination;
  StateFlags state;
  DeliveryFlags delivery;
  DeadLetterFlags dead_letter;
  bool json = false;
};

std::vector<Flag> FlagsOf(Options& options) {
  std::vector<Flag> flags = {
      {"--listen", &options.listen, "HOST:PORT",
       "address for SDKs; port 0 picks a free port; 0.0.0.0:8080 is reachable from other machines; "
       "fd:3 is "
       "a socket that listens already, as systemd passes it"},
      {"--admin-listen", &options.admin_listen, "HOST:PORT",
       "address for /status, /readyz and /metrics, which should stay private"},
      {"--spool", &options.spool, "DIR|none",
       "folder on a local disk that keeps records until every destination has them (default: "
       "spool in the state folder); none, for machines without a disk: a request is answered when "
       "every destination has its records"},
      {"--spool-max", &options.spool_max, "SIZE",
       "size of the spool, such as 10GB; when it is reached, requests are answered with 503 until "
       "a destination catches up"},
      {"--spool-max-age", AtLeast(&options.spool_max_age, absl::Minutes(10)), "TIME",
       "drop records that a destination could not get for this long, such as 72h, and count them "
       "as "
       "expired; inf: never"},
      {"--from-oldest", &options.from_oldest, "",
       "a destination that is new gets all records that the spool still has, not only new ones"},
      {"--wait-for-spool", &options.wait_for_spool, "",
       "wait until another proxy that has the spool ends, instead of failing"},
      {"--tls-cert", &options.files.tls_cert, "FILE",
       "serve HTTPS with this certificate chain (PEM), which is read again when it changes"},
      {"--tls-key", &options.files.tls_key, "FILE", "the private key of --tls-cert (PEM)"},
      {"--prefix", &options.prefixes, "PATH",
       "also serve everything below this path, such as /_mp/api; one that ends in /libs has the "
       "SDK's JavaScript; repeatable"},
      {"--alias", &options.aliases, "PATH=PATH",
       "another name of a path, such as /t=/track; repeatable"},
      {"--origin", &options.origins, "URL",
       "web page that may send records from browsers (default: all); repeatable"},
      {"--trusted-proxy", &options.trusted_proxies, "CIDR",
       "believe the client's address in headers of these proxies, such as 10.0.0.0/8; repeatable"},
      {"--anonymize-ip", &options.anonymize_ip, "",
       "store addresses without the last 8 bits (IPv4) or 80 bits (IPv6)"},
      {.name = "--replace-token",
       .target = &options.token,
       .value = "TOKEN",
       .doc = "give every record this project token instead of its own",
       .env = "MILLRACE_PROXY_TOKEN",
       .secret = true},
      {"--accept-token", &options.tokens, "TOKEN",
       "accept only records with these project tokens; others become dead letters; repeatable"},
      {"--refuse-token", &options.refused_tokens, "TOKEN",
       "records with this project token become dead letters; repeatable"},
      {"--token-rules", &options.files.token_rules, "FILE",
       "more tokens to accept and to refuse, as {\"accept\": [...], \"refuse\": [...]}, read again "
       "when the file changes"},
      {"--upstream", &options.upstream, "URL|none",
       "where /record, /flags, /settings and /decide are passed on to (default: Mixpanel's API of "
       "--region); none: answer as a project that uses none of them"},
      {"--library-url", &options.library_url, "URL|none",
       "folder of the JavaScript that /lib.min.js and /libs/ serve"},
      {"--transform", &options.transform, "FILE",
       "JavaScript that changes or drops each record for every destination"},
      {"--threads", Between(&options.threads, 1, 64), "N", "threads that serve connections"},
      {"--max-connections", Between(&options.connections, 1, 1'000'000), "N",
       "open connections; further ones wait"},
      {"--respond", &options.respond, "sdk|results",
       "how /track, /engage and /groups are answered: as SDKs expect, or, with --spool none, by "
       "[{\"name\": DEST, \"result\": {\"status\": \"success\"}}, ...]"},
      {"--json", &options.json, "",
       "print {\"url\": ..., \"admin_url\": ...} once connections are accepted"},
  };
  options.destination.AddTo(flags);
  options.state.AddTo(flags);
  options.delivery.AddTo(flags);
  options.dead_letter.AddTo(flags);
  return flags;
}

absl::Status SetRequests(const Options& options, proxy::PublicHandlerOptions& requests) {
  requests.routes.prefixes = options.prefixes;
  for (const std::string& alias : options.aliases) {
    const size_t equals = alias.find('=');
    if (equals == std::string::npos) {
      return absl::InvalidArgumentError(
          StrCat("--alias ", alias, ": write NAME=PATH, such as /t=/track"));
    }
    requests.routes.aliases.emplace_back(alias.substr(0, equals), alias.substr(equals + 1));
  }
  requests.allowed_origins = options.origins;
  for (const std::string& range : options.trusted_proxies) {
    absl::StatusOr<proxy::AddressRange> parsed = proxy::AddressRange::Parse(range);
    if (!parsed.ok()) return Annotate(parsed.status(), StrCat("--trusted-proxy ", range));
    requests.addresses.trusted_proxies.push_back(*std::move(parsed));
  }
  requests.addresses.anonymizes = options.anonymize_ip;
  requests.version = MILLRACE_VERSION;
  return absl::OkStatus();
}

void SetListeners(const Options& options, proxy::ProxyOptions& start) {
  start.listen.listen = options.listen;
  start.listen.threads = static_cast<int>(options.threads);
  start.listen.max_connections = static_cast<int>(options.connections);
  start.listen.max_body_bytes = start.requests.max_body_bytes;
  start.listen.max_partial_body_bytes = start.requests.max_bytes_in_flight;
  start.listen.header_timeout = absl::Seconds(10);
  start.listen.request_timeout = absl::Seconds(30);
  start.admin_listen.listen = options.admin_listen;
  start.admin_listen.threads = 1;
}

absl::StatusOr<ProxyFiles> FilesOf(const Options& options) {
  if (options.files.tls_cert.empty() != options.files.tls_key.empty()) {
    return absl::InvalidArgumentError("--tls-cert and --tls-key need each other");
  }
  proxy::TokenRules tokens{.replacement = options.token};
  tokens.allowed.insert(options.tokens.begin(), options.tokens.end());
  tokens.refused.insert(options.refused_tokens.begin(), options.refused_tokens.end());
  return ProxyFiles(options.files, std::move(tokens));
}

absl::StatusOr<uint64_t> SpoolMax(const std::string& text) {
  const std::optional<double> bytes = ParseSize(text);
  if (!bytes || !(*bytes >= static_cast<double>(kMinSpool)) || *bytes > 1e15) {
    return absl::InvalidArgumentError(StrCat("--spool-max ", text, ": write a size of at least ",
                                             kMinSpool / kMegabyte, "MB, such as 10GB"));
  }
  return static_cast<uint64_t>(*bytes);
}

absl::Status SetSpool(const Options& options, const Context& context, proxy::ProxyOptions& start) {
  if (options.spool == kNoSpool) {
    start.spool.log.segment_bytes = kMemorySegment;
    start.spool.log.max_bytes = kMaxMemory;
    return absl::OkStatus();
  }
  start.spool.folder = options.spool;
  if (options.spool.empty()) {
    ASSIGN_OR_RETURN(const std::string state, options.state.StateFolder(context));
    start.spool.folder = state + "/spool";
  }
  ASSIGN_OR_RETURN(start.spool.log.max_bytes, SpoolMax(options.spool_max));
  start.spool.max_age = options.spool_max_age;
  if (options.wait_for_spool) start.spool.wait = SpoolLock::Wait::kYes;
  start.new_destinations_from_oldest = options.from_oldest;
  return absl::OkStatus();
}

// Which destinations answers name; empty: they are what SDKs expect.
absl::StatusOr<std::vector<std::string>> ResultNames(const Options& options,
                                                     const std::vector<Destination*>& followers) {
  std::vector<std::string> names;
  if (options.respond == "sdk") return names;
  if (options.respond != "results") {
    return absl::InvalidArgumentError(
        StrCat("--respond must be sdk or results, not '", options.respond, "'"));
  }
  if (options.spool != kNoSpool) {
    return absl::InvalidArgumentError(
        "--respond results needs --spool none: with a spool, requests are answered before any "
        "destination has their records");
  }
  for (const Destination* const destination : followers) names.push_back(destination->label());
  return names;
}

absl::Status CheckAnswersInTime(Destination& destination) {
  if (destination.staging(RecordType::kEvent) == nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("--spool none: ", destination.label(),
             " gets files of many requests, which take longer than an answer may; it needs a spool "
             "on a disk"));
}

absl::Status CheckUrl(std::string_view flag, const std::string& url) {
  return Annotate(ParseUrl(url).status(), StrCat(flag, " ", url));
}

absl::StatusOr<proxy::ProxyOptions> MakeOptions(const Options& options, const ProxyFiles& files,
                                                const Context& context) {
  proxy::ProxyOptions start;
  RETURN_IF_ERROR(SetRequests(options, start.requests));
  SetListeners(options, start);
  ASSIGN_OR_RETURN(start.listen.tls, files.ReadCertificate());
  ASSIGN_OR_RETURN(start.tokens, files.ReadTokens());
  if (options.upstream.empty()) {
    ASSIGN_OR_RETURN(const mixpanel::DestinationOptions mixpanel,
                     options.destination.mixpanel.Options(context.environment));
    start.upstream.api_url = mixpanel.endpoints.ingestion;
    start.upstream.decide_url = "https://decide.mixpanel.com";
  } else if (options.upstream != "none") {
    RETURN_IF_ERROR(CheckUrl("--upstream", options.upstream));
    start.upstream.api_url = start.upstream.decide_url = options.upstream;
  }
  if (options.library_url != "none") {
    RETURN_IF_ERROR(CheckUrl("--library-url", options.library_url));
    start.upstream.library_url = options.library_url;
  }
  RETURN_IF_ERROR(SetSpool(options, context, start));
  start.transform = options.transform;
  ImportRequest delivery;
  RETURN_IF_ERROR(options.delivery.ApplyTo(delivery));
  start.run = delivery.run;
  return start;
}

// A shell allows 1,024 open files unless a program asks for more.
void AllowConnections(int64_t connections) {
  constexpr rlim_t kOtherFiles = 1000;  // of the spool and the destinations
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t wanted = static_cast<rlim_t>(connections) + kOtherFiles;
  if (limit.rlim_max >= wanted) return;
  Log(Severity::kWarning, "the limit of open files is too low for --max-connections",
      {{"limit", static_cast<uint64_t>(limit.rlim_max)},
       {"wanted", static_cast<uint64_t>(wanted)}});
}

void Announce(const proxy::Proxy& running, const Options& options, std::ostream& out) {
  if (options.json) {
    std::string line = "{\"url\": ";
    AppendJsonString(line, running.url());
    line += ", \"admin_url\": ";
    AppendJsonString(line, running.admin_url());
    out << line << "}" << std::endl;
    return;
  }
  out << "proxy for Mixpanel's SDKs at " << running.url() << "\n"
      << "status at " << running.admin_url() << "/status" << std::endl;
}

absl::StatusOr<int> RunProxy(const Options& options, Context& context) {
  ASSIGN_OR_RETURN(ProxyFiles files, FilesOf(options));
  ASSIGN_OR_RETURN(proxy::ProxyOptions start, MakeOptions(options, files, context));
  AllowConnections(options.connections);
  ASSIGN_OR_RETURN(const auto destinations,
                   options.destination.Open(context, [&](mixpanel::DestinationOptions& mixpanel) {
                     return options.delivery.ApplyTo(mixpanel);
                   }));
  std::vector<Destination*> followers;
  for (const auto& destination : destinations) {
    RETURN_IF_ERROR(destination->CheckConfig(RecordType::kEvent));
    if (options.spool == kNoSpool) RETURN_IF_ERROR(CheckAnswersInTime(*destination));
    followers.push_back(destination.get());
  }
  ASSIGN_OR_RETURN(start.requests.result_names, ResultNames(options, followers));
  ASSIGN_OR_RETURN(const std::unique_ptr<DeadLetterQueue> dead_letter,
                   options.dead_letter.Open(options.state, options.delivery.stop_grace, context));
  ASSIGN_OR_RETURN(const std::unique_ptr<proxy::Proxy> running,
                   proxy::Proxy::Start(start, followers, *dead_letter, context.stop));
  Announce(*running, options, context.out);
  while (Clock::Real().SleepFor(kRefreshTime, context.stop)) files.Refresh(*running);
  running->Stop();
  return kStopped;
}

}  // namespace

Command ProxyCommand() {
  auto options = std::make_shared<Options>();
  // A delivery that gives up says why, and is tried again: a proxy keeps running.
  options->delivery.retry_timeout = absl::Minutes(1);
  return {
      .name = "proxy",
      .group = "Receive from SDKs",
      .summary = "receive what SDKs send, and pass it to destinations",
      .about =
          "Serves /track, /engage, /groups and /import. Records are on disk before a request is "
          "answered, and\neach destination gets them from there at its own speed: one that is slow "
          "or away delays only itself.\n/record, /flags, /settings and /decide are passed on, and "
          "the SDK's JavaScript is served. SIGINT and\nSIGTERM answer what has arrived and end the "
          "proxy with exit status 3; what destinations have not got\nis delivered after the next "
          "start.",
      .examples = {"MIXPANEL_TOKEN=... millrace proxy",
                   "millrace proxy --listen 0.0.0.0:8080 --trusted-proxy 10.0.0.0/8 --to mixpanel "
                   "--to 'gs://bucket/lake/?format=parquet'",
                   "millrace proxy --to 'postgres://loader@db.example.com/analytics?table=events' "
                   "--prefix /_mp/api --json"},
      .flags = FlagsOf(*options),
      .run = [options](Context& context) { return RunProxy(*options, context); },
  };
}

}  // namespace millrace::cli
