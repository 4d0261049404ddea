// Requests to BigQuery's REST API, and what its answers mean.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_REST_CLIENT_H_
#define MILLRACE_CONNECTORS_BIGQUERY_REST_CLIENT_H_

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "auth/google_credentials.h"
#include "auth/token_renewal.h"
#include "net/http_client.h"

namespace millrace::bigquery {

// A limit of BigQuery that was exceeded.
enum class Limit {
  kNone,
  kRate,   // rateLimitExceeded, HTTP 429: try again soon, and less often
  kQuota,  // quotaExceeded: of an hour or a day, say
};

// Of an error of RestClient::Send(), by the reasons that BigQuery gives in its answer
// (error.errors[].reason and error.status; docs.cloud.google.com/bigquery/docs/error-messages),
// also after Annotate().
Limit LimitOf(const absl::Status& status);

// Thread-safe; one request at a time. It does not retry, but for one request whose token was
// refused: it is sent again with another one.
class RestClient {
 public:
  // `url`: "https://bigquery.googleapis.com".
  RestClient(std::string url, GoogleCredentials credentials, std::unique_ptr<HttpClient> http);

  // The JSON of a 2xx response; null if it has no body. `path` follows "/bigquery/v2/projects/". An
  // empty `body` and an empty `etag`: none; `etag` goes into If-Match. InvalidArgument: 400.
  // Unauthenticated: 401. PermissionDenied: 403. NotFound: 404 of the API; any other 404 is
  // Unavailable. AlreadyExists: 409. Aborted: 412, it is not the version with this etag.
  // Unavailable: rateLimitExceeded, quotaExceeded, 429, 5xx, no response, or one that is no JSON.
  // Others: FailedPrecondition. Messages have BigQuery's explanation.
  absl::StatusOr<nlohmann::json> Send(std::string_view method, std::string_view path,
                                      std::string_view body, std::string_view etag,
                                      std::stop_token stop);

 private:
  // Sends the request with a token, and again if that was refused and there is another.
  absl::StatusOr<HttpResponse> SendWithToken(const HttpRequest& plain, const std::stop_token& stop);

  const std::string url_;
  const GoogleCredentials credentials_;
  TokenRenewal renewal_;
  absl::Mutex mutex_;
  const std::unique_ptr<HttpClient> http_ ABSL_PT_GUARDED_BY(mutex_);
};

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_REST_CLIENT_H_
