#include "sandbox/sandbox.h"

#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "net/http_server.h"
#include "sandbox/browser_guard.h"
#include "sandbox/context.h"
#include "sandbox/router.h"
#include "sandbox/sqlite_database.h"

namespace millrace::sandbox {
namespace {

class RunningSandbox final : public Sandbox {
 public:
  RunningSandbox(const SandboxOptions& options, Clock& clock)
      : context_{.clock = clock,
                 .access = {options.token, options.service_account},
                 .store_name = options.store,
                 .discard = options.discard,
                 .listen_host = HostOf(options.listen),
                 .faults = Faults(options.seed)} {}
  ~RunningSandbox() override { Stop(); }

  std::string url() const override { return server_->url(); }
  void Stop() override {
    if (server_) server_->Stop();
  }

  absl::Status Open(const SandboxOptions& options) {
    RETURN_IF_ERROR(context_.faults.Set(options.faults));
    if (options.discard && !options.faults.empty()) {
      return absl::InvalidArgumentError("--discard looks at nothing: it cannot go with faults");
    }
    if (options.store == "memory" || options.discard) {
      context_.events = NewMemoryEventStore();
      context_.profiles = NewMemoryProfileStore();
    } else {
      ASSIGN_OR_RETURN(const auto database, SqliteDatabase::Open(options.store));
      ASSIGN_OR_RETURN(context_.events, NewSqliteEventStore(database));
      ASSIGN_OR_RETURN(context_.profiles, NewSqliteProfileStore(database));
    }
    // What an earlier run stored had been received.
    context_.stats.received = context_.events->totals().stored;
    context_.made_up_ids = static_cast<uint64_t>(context_.NowMs()) << 20;
    HttpServerOptions server;
    server.listen = options.listen;
    server.threads = options.threads;
    ASSIGN_OR_RETURN(server_, HttpServer::Start(server, [this](const ServerRequest& request) {
                       return Route(context_, request);
                     }));
    return absl::OkStatus();
  }

 private:
  Context context_;
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
