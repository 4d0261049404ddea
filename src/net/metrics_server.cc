#include "net/metrics_server.h"

#include <utility>

namespace millrace {

ServerResponse MetricsResponse(std::string page) {
  return {.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = std::move(page)};
}

absl::StatusOr<std::unique_ptr<HttpServer>> StartMetricsServer(const std::string& listen,
                                                               std::function<std::string()> page) {
  HttpServerOptions options;
  options.listen = listen;
  options.threads = 1;
  options.max_body_bytes = 0;
  options.max_connections = 64;
  return HttpServer::Start(
      options, [page = std::move(page)](const ServerRequest& request) -> ServerResponse {
        if (request.method != "GET" && request.method != "HEAD") {
          return {.status = 405, .body = "{\"error\":\"only GET\"}\n"};
        }
        if (request.path == "/metrics") return MetricsResponse(page());
        if (request.path == "/healthz") return {.body = "{\"status\":\"ok\"}\n"};
        return {.status = 404, .body = "{\"error\":\"there is /metrics and /healthz\"}\n"};
      });
}

}  // namespace millrace
