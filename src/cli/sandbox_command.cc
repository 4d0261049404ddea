// millrace sandbox: a local stand-in for Mixpanel.
#include <memory>
#include <ostream>

#include "base/clock.h"
#include "base/json_writer.h"
#include "base/status.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/shared_flags.h"
#include "sandbox/sandbox.h"

namespace millrace::cli {
namespace {

struct Options {
  sandbox::SandboxOptions sandbox;
  int64_t seed = 1;
  std::string tls;
  std::string export_times = "local";
  int64_t query_limit = 0;
  int64_t page_size = static_cast<int64_t>(sandbox::kEngagePageSize);
  bool json = false;
};

void Announce(const sandbox::Sandbox& running, bool as_json, std::ostream& out) {
  const std::string ca = running.tls_ca();
  if (as_json) {
    std::string line = StrCat("{\"url\": \"", running.url(), "\"");
    if (!ca.empty()) {
      line += ", \"tls_ca\": ";
      AppendJsonString(line, ca);
    }
    out << line << "}" << std::endl;
    return;
  }
  out << "Mixpanel sandbox at " << running.url() << "  (live page: open it in a browser)\n";
  if (!ca.empty()) out << "Clients must trust the CA certificate in " << ca << "\n";
  out << (ca.empty() ? "" : StrCat("SSL_CERT_FILE=", ca, " "))
      << "millrace import INPUT --mixpanel-url " << running.url() << std::endl;
}

absl::StatusOr<int> RunSandbox(const Options& options, Context& context) {
  sandbox::SandboxOptions start = options.sandbox;
  start.seed = static_cast<uint64_t>(options.seed);
  start.query_limit = static_cast<size_t>(options.query_limit);
  start.engage_page_size = static_cast<size_t>(options.page_size);
  if (options.export_times != "local" && options.export_times != "utc") {
    return absl::InvalidArgumentError("--export-times: choose local or utc");
  }
  if (options.export_times == "utc") {
    if (start.time_zone.empty()) {
      return absl::InvalidArgumentError("--export-times needs --time-zone");
    }
    start.export_times = sandbox::ExportTimes::kUtc;
  }
  if (!options.tls.empty() && options.tls != "self-signed") {
    return absl::InvalidArgumentError("--tls: the only choice is self-signed");
  }
  if (options.tls.empty() && !start.tls_ca.empty()) {
    return absl::InvalidArgumentError("--tls-ca needs --tls self-signed");
  }
  start.tls_self_signed = !options.tls.empty();
  ASSIGN_OR_RETURN(std::unique_ptr<sandbox::Sandbox> running, sandbox::Sandbox::Start(start));
  Announce(*running, options.json, context.out);
  while (Clock::Real().SleepFor(absl::Hours(1), context.stop)) {
  }
  running->Stop();
  return kStopped;
}

}  // namespace

Command SandboxCommand() {
  auto options = std::make_shared<Options>();
  sandbox::SandboxOptions& sandbox = options->sandbox;
  return {
      .name = "sandbox",
      .group = "Try it out",
      .summary = "run a local stand-in for Mixpanel, with a live page",
      .about =
          "Serves /import, /track, /engage, /groups, raw export, and queries of profiles, "
          "cohorts and JQL with\nMixpanel's own rules, limits and responses, until it is stopped. "
          "Faults "
          "of "
          "ingestion: partial_400,\nstrings_400, 401, 413_2mb, 413_10mb, 429, 503_retry_after, "
          "slow=500ms, cut, reply_lost; of exports\nand queries: export_status=503, "
          "query_status=429, slow_query=1s, stale=10m, terminated_early,\ncut_export, short_gzip, "
          "split_records; each can have a probability.",
      .examples = {"millrace sandbox", "millrace sandbox --listen 127.0.0.1:8090 --store ./events",
                   "millrace sandbox --fault 429:0.05 --fault slow=200ms:0.1 --json",
                   "millrace sandbox --time-zone America/New_York --query-limit 60"},
      .flags = {{"--listen", &sandbox.listen, "HOST:PORT",
                 "address to listen on; port 0 picks a free port"},
                {"--store", &sandbox.store, "memory|DIR",
                 "keep events in memory, or in SQLite in DIR"},
                {"--discard", &sandbox.discard, "",
                 "decompress and count, but store nothing (for benchmarks)"},
                {.name = "--token",
                 .target = &sandbox.token,
                 .value = "TOKEN",
                 .doc = "the project token that requests must carry",
                 .env = "MILLRACE_SANDBOX_TOKEN",
                 .secret = true},
                {.name = "--service-account",
                 .target = &sandbox.service_account,
                 .value = "USER:SECRET",
                 .doc = "a service account that is also accepted",
                 .env = "MILLRACE_SANDBOX_SERVICE_ACCOUNT",
                 .secret = true},
                {.name = "--oauth-token",
                 .target = &sandbox.oauth_token,
                 .value = "TOKEN",
                 .doc = "an OAuth token that is also accepted, as a bearer",
                 .env = "MILLRACE_SANDBOX_OAUTH_TOKEN",
                 .secret = true},
                {"--project-id", &sandbox.project_id, "ID", "the project's id in responses"},
                {"--time-zone", &sandbox.time_zone, "ZONE",
                 "the project's time zone, an IANA name; dates and times of exports are local, as "
                 "in projects made before 2023"},
                {"--export-times", &options->export_times, "local|utc",
                 "with --time-zone: whether exports use it, or UTC as projects made since 2023 do"},
                {"--query-limit", Between(&options->query_limit, 0, 1'000'000), "N",
                 "exports, and queries, that are allowed in an hour, with Mixpanel's other limits; "
                 "Mixpanel's is 60 (0: no limits)"},
                {"--page-size",
                 Between(&options->page_size, 1, static_cast<int64_t>(sandbox::kMaxEngagePageSize)),
                 "N", "profiles on a page of an engage query"},
                {"--fault", &sandbox.faults, "NAME[=VALUE][:PROBABILITY]",
                 "a fault to inject; repeatable"},
                {"--tls", &options->tls, "self-signed",
                 "serve HTTPS, with a certificate for localhost that is created at startup"},
                {"--tls-ca", &sandbox.tls_ca, "FILE",
                 "file for the CA certificate that clients must trust (default: a temporary file)"},
                {"--seed", Between(&options->seed, 0, INT64_MAX), "N",
                 "seed of the random choice of faults"},
                {"--json", &options->json, "",
                 "print {\"url\": ..., \"tls_ca\": ...} once connections are accepted"}},
      .run = [options](Context& context) { return RunSandbox(*options, context); },
  };
}

}  // namespace millrace::cli
