// --metrics, for long-running verbs.
#ifndef MILLRACE_CLI_METRICS_FLAG_H_
#define MILLRACE_CLI_METRICS_FLAG_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/command.h"
#include "net/http_server.h"

namespace millrace::cli {

struct MetricsFlag {
  std::string listen;  // host:port; empty: nothing is served

  void AddTo(std::vector<Flag>& flags);
  // Serves `page`, which is called on threads of the server, until the server is destroyed, and
  // logs the URL. Null if the flag is not given.
  absl::StatusOr<std::unique_ptr<HttpServer>> Serve(std::function<std::string()> page) const;
};

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_METRICS_FLAG_H_
