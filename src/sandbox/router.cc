#include "sandbox/router.h"

#include <string_view>

#include "base/strings.h"
#include "net/browser_guard.h"
#include "net/html_page.h"
#include "net/server_response.h"
#include "sandbox/app_handler.h"
#include "sandbox/control_handlers.h"
#include "sandbox/discard.h"
#include "sandbox/engage_handler.h"
#include "sandbox/export_handler.h"
#include "sandbox/import_handler.h"
#include "sandbox/jql_handler.h"
#include "sandbox/live_page.h"
#include "sandbox/sdk_handlers.h"
#include "sandbox/sdk_stubs.h"

namespace millrace::sandbox {
namespace {

// Clients with a fixed host reach the sandbox through a name server or a proxy that maps the name.
// Nobody else can serve pages under these names.
constexpr std::string_view kMixpanel = "mixpanel.com";

std::string_view WithoutSlashes(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

bool IsSdkPath(std::string_view path) {
  return path == "/track" || path == "/engage" || path == "/groups";
}

// The headers that browsers require before a page may send events here (the JavaScript SDK sends
// credentials, so the origin must be named).
void AllowOrigin(const ServerRequest& request, ServerResponse* reply) {
  const std::string_view origin = request.header("origin");
  if (origin.empty()) return;
  reply->headers.emplace_back("Access-Control-Allow-Origin", origin);
  reply->headers.emplace_back("Access-Control-Allow-Credentials", "true");
  reply->headers.emplace_back("Access-Control-Expose-Headers", "Retry-After");
  reply->headers.emplace_back("Vary", "Origin");
}

ServerResponse Preflight() {
  ServerResponse reply;
  reply.status = 204;
  reply.headers = {{"Access-Control-Allow-Methods", "GET, POST, OPTIONS"},
                   {"Access-Control-Allow-Headers", "Authorization, Content-Type, traceparent"},
                   {"Access-Control-Max-Age", "600"}};
  return reply;
}

ServerResponse Welcome(const ServerRequest& request) {
  if (request.header("accept").find("text/html") != std::string_view::npos)
    return HtmlPage(LivePageHtml());
  ServerResponse reply;
  reply.body =
      "{\"error\":\"Welcome to the Millrace sandbox, a local stand-in for the Mixpanel API. Open "
      "this address in a browser to watch events arrive.\"}";
  reply.headers.emplace_back("Vary", "Accept");
  return reply;
}

ServerResponse Ingest(Context& context, std::string_view path, const ServerRequest& request) {
  if (request.method != "POST" && request.method != "GET") return ErrorResponse(405, "use POST");
  if (context.discard) return HandleDiscard(context, request);
  if (path == "/import") return HandleImport(context, request);
  if (path == "/track") return HandleTrack(context, request);
  return HandleProfiles(context, request,
                        path == "/engage" ? ProfileKind::kUser : ProfileKind::kGroup);
}

// Endpoints that browsers may call from pages of any site, as Mixpanel allows it too.
ServerResponse RouteSdk(Context& context, std::string_view path, const ServerRequest& request) {
  ServerResponse reply = Preflight();
  if (request.method != "OPTIONS") {
    reply = IsSdkPath(path) ? Ingest(context, path, request) : HandleStub(path);
  }
  AllowOrigin(request, &reply);
  return reply;
}

// `name` is what follows /api/query/ or, as older clients have it, /api/2.0/.
ServerResponse RouteQuery(Context& context, std::string_view name, const ServerRequest& request) {
  if (name == "jql") {
    return request.method == "POST" ? HandleJql(context, request) : ErrorResponse(405, "use POST");
  }
  const bool is_engage = name == "engage";
  if (!is_engage && name != "cohorts/list") {
    return ErrorResponse(404, "the sandbox has no such endpoint");
  }
  if (request.method != "POST" && request.method != "GET") {
    return ErrorResponse(405, "use POST or GET");
  }
  return is_engage ? HandleEngageQuery(context, request) : HandleCohortList(context, request);
}

// Endpoints that only programs, and the sandbox's own page, call.
ServerResponse RouteServerApi(Context& context, std::string_view path,
                              const ServerRequest& request) {
  const absl::Status same_site =
      CheckSameSite(request, context.scheme, context.listen_host, kMixpanel);
  if (!same_site.ok()) return ErrorResponse(403, ToStd(same_site.message()));
  if (path == "/import") return Ingest(context, path, request);
  if (path == "/api/2.0/export") {
    return request.method == "GET" ? HandleExport(context, request) : ErrorResponse(405, "use GET");
  }
  if (path.starts_with("/api/query/")) return RouteQuery(context, path.substr(11), request);
  if (path.starts_with("/api/2.0/")) return RouteQuery(context, path.substr(9), request);
  if (path.starts_with("/api/app/")) return HandleApp(context, path, request);
  if (path.starts_with("/sandbox")) return HandleControl(context, path, request);
  return ErrorResponse(404, "the sandbox has no such endpoint");
}

}  // namespace

ServerResponse Route(Context& context, const ServerRequest& request) {
  const std::string_view path = WithoutSlashes(request.path);
  if (IsSdkPath(path) || IsStubPath(path)) return RouteSdk(context, path, request);
  if (path.empty()) return Welcome(request);
  return RouteServerApi(context, path, request);
}

}  // namespace millrace::sandbox
