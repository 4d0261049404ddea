#include "sandbox/sandbox.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "net/browser_guard.h"
#include "net/http_server.h"
#include "net/tls_certificate.h"
#include "sandbox/context.h"
#include "sandbox/router.h"
#include "sandbox/sqlite_database.h"
#include "sandbox/tls_files.h"

namespace millrace::sandbox {
namespace {

std::vector<std::string> HostsOfCertificate(const std::string& listen_host) {
  std::vector<std::string> hosts = {"localhost", "127.0.0.1", "::1"};
  const bool is_any = listen_host == "0.0.0.0" || listen_host == "::";
  if (!is_any && std::find(hosts.begin(), hosts.end(), listen_host) == hosts.end()) {
    hosts.push_back(listen_host);
  }
  return hosts;
}

class RunningSandbox final : public Sandbox {
 public:
  RunningSandbox(const SandboxOptions& options, Clock& clock)
      : context_{.clock = AdjustableClock(clock),
                 .access = {options.token, options.service_account, options.oauth_token},
                 .project_id = options.project_id,
                 .store_name = options.store,
                 .discard = options.discard,
                 .listen_host = HostOf(options.listen),
                 .scheme = options.tls_self_signed ? "https" : "http",
                 .faults = Faults(options.seed),
                 .limits = QueryLimits(options.query_limit),
                 .engage_page_size = options.engage_page_size,
                 .jql_limits = options.jql_limits} {}
  ~RunningSandbox() override { Stop(); }

  std::string url() const override { return server_->url(); }
  std::string tls_ca() const override { return ca_file_ ? ca_file_->path() : ""; }
  void Stop() override {
    if (server_) server_->Stop();
  }

  absl::Status Open(const SandboxOptions& options) {
    RETURN_IF_ERROR(context_.faults.Set(options.faults));
    ASSIGN_OR_RETURN(context_.project, ProjectTime::Make(options.time_zone, options.export_times));
    if (options.discard && !options.faults.empty()) {
      return absl::InvalidArgumentError(
          "--discard does not process records; it cannot be combined with faults");
    }
    if (options.store == "memory" || options.discard) {
      context_.events = NewMemoryEventStore();
      context_.profiles = NewMemoryProfileStore();
    } else {
      ASSIGN_OR_RETURN(const auto database, SqliteDatabase::Open(options.store));
      ASSIGN_OR_RETURN(context_.events, NewSqliteEventStore(database));
      ASSIGN_OR_RETURN(context_.profiles, NewSqliteProfileStore(database));
    }
    // Events stored by an earlier run count as received.
    context_.stats.received = context_.events->totals().stored;
    context_.made_up_ids = static_cast<uint64_t>(context_.NowMs()) << 20;
    HttpServerOptions server;
    server.listen = options.listen;
    server.threads = options.threads;
    if (options.tls_self_signed) {
      ASSIGN_OR_RETURN(SelfSignedCertificate made,
                       MakeSelfSignedCertificate(HostsOfCertificate(context_.listen_host)));
      ASSIGN_OR_RETURN(ca_file_, TlsCaFile::Write(options.tls_ca, made.ca));
      server.tls = std::move(made.server);
    }
    ASSIGN_OR_RETURN(server_, HttpServer::Start(server, [this](const ServerRequest& request) {
                       return Route(context_, request);
                     }));
    return absl::OkStatus();
  }

 private:
  Context context_;
  std::optional<TlsCaFile> ca_file_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Sandbox>> Sandbox::Start(const SandboxOptions& options,
                                                        Clock& clock) {
  auto sandbox = std::make_unique<RunningSandbox>(options, clock);
  RETURN_IF_ERROR(Annotate(sandbox->Open(options), "starting the sandbox"));
  return sandbox;
}

}  // namespace millrace::sandbox
