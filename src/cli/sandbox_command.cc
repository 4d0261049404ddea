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
          "Serves /import, /track, /engage, /groups, raw export and the engage query with "
          "Mixpanel's own\nrules, limits and responses, until it is stopped. Faults: partial_400, "
          "strings_400, 401, 413_2mb,\n413_10mb, 429, 503_retry_after, slow=500ms, cut, "
          "reply_lost; each can have a probability.",
      .examples = {"millrace sandbox", "millrace sandbox --listen 127.0.0.1:8090 --store ./events",
                   "millrace sandbox --fault 429:0.05 --fault slow=200ms:0.1 --json"},
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
