#include "cli/metrics_flag.h"

#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "net/metrics_server.h"

namespace millrace::cli {

void MetricsFlag::AddTo(std::vector<Flag>& flags) {
  flags.push_back(
      {.name = "--metrics",
       .target = &listen,
       .value = "HOST:PORT",
       .doc = "address that serves /metrics (for Prometheus) and /healthz during the run"});
}

absl::StatusOr<std::unique_ptr<HttpServer>> MetricsFlag::Serve(
    std::function<std::string()> page) const {
  if (listen.empty()) return nullptr;
  ASSIGN_OR_RETURN(std::unique_ptr<HttpServer> server, StartMetricsServer(listen, std::move(page)));
  Log(Severity::kInfo, "serving metrics", {{"url", server->url() + "/metrics"}});
  return server;
}

}  // namespace millrace::cli
