// The credentials of requests to an Iceberg REST catalog.
#ifndef MILLRACE_CONNECTORS_ICEBERG_REST_AUTH_H_
#define MILLRACE_CONNECTORS_ICEBERG_REST_AUTH_H_

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/environment.h"
#include "connectors/iceberg/iceberg_spec.h"
#include "net/http_client.h"

namespace millrace::iceberg {

// Thread-safe.
class RestAuth {
 public:
  virtual ~RestAuth() = default;
  // Adds headers to a request that is otherwise complete. Errors of TokenSource::Token().
  virtual absl::Status Authorize(HttpRequest& request, std::stop_token stop) = 0;
  // Those of the last request were refused: the next one gets others, if there can be others.
  virtual void Forget() = 0;
  // What to do if they are refused again: "set ... to credentials that are valid".
  virtual std::string_view remedy() const = 0;
};

// For a catalog without sigv4=: see NewRestCatalog(). With it, requests are signed with the keys of
// AWS's default chain. The clock outlives it. InvalidArgument: the environment is contradictory or
// incomplete, or secrets would be sent unencrypted.
absl::StatusOr<std::unique_ptr<RestAuth>> NewRestAuth(const IcebergSpec::Catalog& catalog,
                                                      const Environment& environment, Clock& clock);

}  // namespace millrace::iceberg

#endif  // MILLRACE_CONNECTORS_ICEBERG_REST_AUTH_H_
