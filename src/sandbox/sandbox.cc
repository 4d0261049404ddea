#include "sandbox/sandbox.h"

#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "net/http_reply.h"
#include "net/http_server.h"
#include "sandbox/browser_guard.h"
#include "sandbox/context.h"
#include "sandbox/control_handlers.h"
#include "sandbox/discard.h"
#include "sandbox/import_handler.h"
#include "sandbox/live_page.h"
#include "sandbox/query_handlers.h"
#include "sandbox/sdk_handlers.h"
#include "sandbox/sqlite_database.h"

namespace millrace::sandbox {
namespace {

std::string_view WithoutSlashes(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

bool IsSdkPath(std::string_view path) {
  return path == "/track" || path == "/engage" || path == "/groups";
}

// What browsers need before a page may send events here (the JavaScript SDK sends credentials, so
// the origin must be named).
void AllowOrigin(const ServerRequest& request, ServerReply* reply) {
  const std::string_view origin = request.header("origin");
  if (origin.empty()) return;
  reply->headers.emplace_back("Access-Control-Allow-Origin", origin);
  reply->headers.emplace_back("Access-Control-Allow-Credentials", "true");
  reply->headers.emplace_back("Access-Control-Expose-Headers", "Retry-After");
  reply->headers.emplace_back("Vary", "Origin");
}

ServerReply Preflight() {
  ServerReply reply;
  reply.status = 204;
  reply.headers = {{"Access-Control-Allow-Methods", "GET, POST, OPTIONS"},
                   {"Access-Control-Allow-Headers", "Authorization, Content-Type, traceparent"},
                   {"Access-Control-Max-Age", "600"}};
  return reply;
}

ServerReply Welcome(const ServerRequest& request) {
  if (request.header("accept").find("text/html") != std::string_view::npos) return LivePage();
  ServerReply reply;
  reply.body =
      "{\"error\":\"Welcome to the Millrace sandbox, a local stand-in for the Mixpanel API. Open "
      "this address in a browser to watch events arrive.\"}";
  reply.headers.emplace_back("Vary", "Accept");
  return reply;
}

ServerReply Ingest(Context& context, std::string_view path, const ServerRequest& request) {
  if (request.method != "POST" && request.method != "GET") return ErrorReply(405, "use POST");
  if (context.discard) return HandleDiscard(context, request);
  if (path == "/import") return HandleImport(context, request);
  if (path == "/track") return HandleTrack(context, request);
  return HandleProfiles(context, request,
                        path == "/engage" ? ProfileKind::kUser : ProfileKind::kGroup);
}

ServerReply Route(Context& context, const ServerRequest& request) {
  const std::string_view path = WithoutSlashes(request.path);
  if (path == "/import") return Ingest(context, path, request);
  if (IsSdkPath(path)) {
    ServerReply reply = request.method == "OPTIONS" ? Preflight() : Ingest(context, path, request);
    AllowOrigin(request, &reply);
    return reply;
  }
  if (path == "/api/2.0/export") {
    return request.method == "GET" ? HandleExport(context, request) : ErrorReply(405, "use GET");
  }
  if (path == "/api/query/engage" || path == "/api/2.0/engage") {
    return request.method == "POST" ? HandleEngageQuery(context, request)
                                    : ErrorReply(405, "use POST");
  }
  if (path.starts_with("/sandbox")) return HandleControl(context, path, request);
  if (path.empty()) return Welcome(request);
  return ErrorReply(404, "the sandbox has no such endpoint");
}

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
