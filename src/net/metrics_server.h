// /metrics and /healthz of a long-running verb that serves nothing else.
#ifndef MILLRACE_NET_METRICS_SERVER_H_
#define MILLRACE_NET_METRICS_SERVER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "net/http_server.h"

namespace millrace {

// A page of base/metrics_text.h as a response.
ServerResponse MetricsResponse(std::string page);

// Serves on `listen` (host:port) until it is destroyed. `page` is called on its threads.
absl::StatusOr<std::unique_ptr<HttpServer>> StartMetricsServer(const std::string& listen,
                                                               std::function<std::string()> page);

}  // namespace millrace

#endif  // MILLRACE_NET_METRICS_SERVER_H_
