// Requests to an Iceberg REST catalog, and what its answers mean.
#ifndef MILLRACE_CONNECTORS_ICEBERG_REST_CLIENT_H_
#define MILLRACE_CONNECTORS_ICEBERG_REST_CLIENT_H_

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "connectors/iceberg/rest_auth.h"
#include "net/http_client.h"

namespace millrace::iceberg {

// Thread-safe; one request at a time. It does not retry, but for credentials that are refused.
class RestClient {
 public:
  // `url` has no '/' at its end.
  RestClient(std::string url, std::unique_ptr<RestAuth> auth);

  // The JSON of a 2xx response; null if it has no body. `path`: "/v1/config?warehouse=w". An empty
  // `body`: none. InvalidArgument: 400. Unauthenticated: 401 and 419, also with fresh credentials.
  // PermissionDenied: 403. NotFound: 404, and the catalog says that there is no such table or
  // namespace; any other 404 is Unavailable. AlreadyExists: 409. Unavailable: 429, 5xx, no
  // response, or one that is no JSON; the request may have been executed. Others:
  // FailedPrecondition. Messages have the catalog's explanation.
  absl::StatusOr<nlohmann::json> Send(std::string_view method, std::string_view path,
                                      std::string_view body, std::stop_token stop);

 private:
  absl::StatusOr<HttpResponse> Exchange(std::string_view method, std::string_view path,
                                        std::string_view body, const std::stop_token& stop);

  const std::string url_;
  const std::unique_ptr<RestAuth> auth_;
  absl::Mutex mutex_;
  const std::unique_ptr<HttpClient> http_ ABSL_PT_GUARDED_BY(mutex_);
};

}  // namespace millrace::iceberg

#endif  // MILLRACE_CONNECTORS_ICEBERG_REST_CLIENT_H_
