// millrace proxy: an HTTP server for Mixpanel's SDKs.
#include <sys/resource.h>

#include <atomic>
#include <memory>
#include <optional>
#include <ostream>
#include <utility>

#include "absl/strings/str_join.h"
#include "base/clock.h"
#include "base/json_writer.h"
#include "base/log.h"
#include "base/status.h"
#include "cli/commands.h"
#include "cli/create_at_start.h"
#include "cli/proxy_demo.h"
#include "cli/proxy_files.h"
#include "cli/proxy_flags.h"
#include "cli/proxy_setup.h"
#include "destinations/named_destinations.h"
#include "proxy/proxy.h"

namespace millrace::cli {
namespace {

// How often changed files are looked for.
constexpr absl::Duration kRefreshTime = absl::Seconds(1);

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

void Announce(const proxy::Proxy& running, const ProxyFlags& flags, std::ostream& out) {
  if (flags.json) {
    std::string line = "{\"url\": ";
    AppendJsonString(line, running.url());
    line += ", \"admin_url\": ";
    AppendJsonString(line, running.admin_url());
    out << line << "}" << std::endl;
    return;
  }
  if (flags.demo) {
    out << "demo: open " << running.admin_url() << "/demo in a browser; Ctrl-C ends it\n";
  }
  out << "proxy for Mixpanel's SDKs at " << running.url() << "\n"
      << "live page and status at " << running.admin_url() << std::endl;
}

void LogWarnings(const ProxySetup& setup) {
  for (const std::string& warning : setup.warnings) Log(Severity::kWarning, warning);
}

Severity LevelOf(const std::string& name) {
  if (name == "debug") return Severity::kDebug;
  if (name == "warning") return Severity::kWarning;
  return name == "error" ? Severity::kError : Severity::kInfo;
}

absl::StatusOr<std::unique_ptr<DeadLetterQueue>> OpenDeadLetters(const ProxySetup& setup,
                                                                 Context context) {
  context.environment = RenameVariables(setup.environment, setup.config.dlq_environment);
  return setup.flags.dead_letter.Open(setup.flags.state, setup.flags.delivery.stop_grace, context);
}

// Reads flags, files and variables again, and gives `running` what it can take.
void Reload(const ProxyFlags& flags, const Context& context, ProxySetup& setup, ProxyFiles& files,
            proxy::Proxy& running) {
  absl::StatusOr<ProxySetup> changed = ReadProxySetup(flags, context);
  if (changed.ok()) {
    if (const absl::Status status = running.SetRules(changed->options.requests); !status.ok()) {
      changed = status;
    }
  }
  if (!changed.ok()) {
    Log(Severity::kWarning, "the configuration cannot be used: the earlier one stays in use",
        {{"error", ToStd(changed.status().message())}});
    return;
  }
  LogWarnings(*changed);
  running.SetTokens(changed->options.tokens);
  files.SetGiven(changed->tokens);
  SetLogLevel(LevelOf(changed->flags.log_level));
  const std::vector<std::string> restart = NeedsRestart(setup, *changed);
  if (!restart.empty()) {
    Log(Severity::kWarning, "a part of the changed configuration needs a restart",
        {{"keys", absl::StrJoin(restart, ", ")}});
  }
  Log(Severity::kInfo, "the configuration was read again");
}

// What `--demo` adds to the flags.
absl::StatusOr<std::unique_ptr<DemoParts>> StartDemo(Context& context, ProxyFlags& flags) {
  ASSIGN_OR_RETURN(std::unique_ptr<DemoParts> demo, DemoParts::Start(context.environment));
  RETURN_IF_ERROR(demo->SetFlags(flags.destination, flags.state));
  flags.spool.clear();
  // Others may have the usual port.
  if (flags.listen == ProxyFlags().listen) flags.listen = "127.0.0.1:0";
  // Files and variables change none of these.
  context.given.insert({"--to", "--mixpanel-url", "--state", "--dlq", "--spool", "--listen"});
  return demo;
}

absl::StatusOr<int> RunProxy(ProxyFlags flags, Context& context) {
  std::unique_ptr<DemoParts> demo;
  if (flags.demo) {
    ASSIGN_OR_RETURN(demo, StartDemo(context, flags));
  }
  ASSIGN_OR_RETURN(ProxySetup setup, ReadProxySetup(flags, context));
  if (flags.check) {
    for (const std::string& warning : setup.warnings) context.err << "warning: " << warning << "\n";
    context.out << ToJson(setup.config) << std::endl;
    return kAllAccepted;
  }
  SetLogLevel(LevelOf(setup.flags.log_level));
  LogWarnings(setup);
  Context own = context;
  own.environment = setup.environment;
  if (setup.flags.spool.empty()) {
    ASSIGN_OR_RETURN(const std::string state, setup.flags.state.StateFolder(own));
    setup.options.spool.folder = state + "/spool";
  }
  if (!setup.flags.dead_letter.UsesTopics(setup.flags.state)) {
    ASSIGN_OR_RETURN(setup.options.dead_letter_folder, setup.flags.state.DeadLetterFolder(own));
  }
  if (demo != nullptr) setup.options.demo = demo->page();
  AllowConnections(setup.flags.connections);
  ProxyFiles files(setup.flags.files, setup.tokens);
  ASSIGN_OR_RETURN(const std::unique_ptr<DeadLetterQueue> dead_letter,
                   OpenDeadLetters(setup, context));
  ASSIGN_OR_RETURN(const std::unique_ptr<proxy::Proxy> running,
                   proxy::Proxy::Start(setup.options, setup.followers, *dead_letter, context.stop));
  std::optional<CreateAtStart> creation;
  if (setup.flags.create) creation.emplace(setup.destinations, Clock::Real());
  std::atomic<bool> wants_reload = false;
  context.set_hangup_handler([&wants_reload] { wants_reload = true; });
  Announce(*running, flags, context.out);
  while (Clock::Real().SleepFor(kRefreshTime, context.stop)) {
    if (wants_reload.exchange(false)) Reload(flags, context, setup, files, *running);
    files.Refresh(*running);
  }
  context.set_hangup_handler(nullptr);
  creation.reset();
  running->Stop();
  return kStopped;
}

}  // namespace

Command ProxyCommand() {
  auto flags = std::make_shared<ProxyFlags>();
  return {
      .name = "proxy",
      .group = "Import, receive and export",
      .summary = "receive what SDKs send, and pass it to destinations",
      .about =
          "Serves /track, /engage, /groups and /import. Records are on disk before a request is "
          "answered, and\neach destination gets them from there at its own speed: one that is slow "
          "or away delays only itself.\n/record, /flags, /settings and /decide are passed on, and "
          "the SDK's JavaScript is served. SIGINT and\nSIGTERM answer what has arrived and end the "
          "proxy with exit status 3; what destinations have not got\nis delivered after the next "
          "start.",
      .examples = {"MIXPANEL_TOKEN=... millrace proxy", "millrace proxy --demo",
                   "millrace proxy --listen 0.0.0.0:8080 --trusted-proxy 10.0.0.0/8 --to mixpanel "
                   "--to 'gs://bucket/lake/?format=parquet'",
                   "millrace proxy --to 'postgres://loader@db.example.com/analytics?table=events' "
                   "--prefix /_mp/api --json",
                   "millrace proxy --config proxy.json --check",
                   "DESTINATIONS=MIXPANEL,S3 millrace proxy --env-file .env"},
      .flags = flags->Table(),
      .run = [flags](Context& context) { return RunProxy(*flags, context); },
  };
}

}  // namespace millrace::cli
