// An HTTP client. A response of any status is a successful exchange; the caller decides what a 404
// means. It does not retry (see base/retry_policy.h).
#ifndef MILLRACE_NET_HTTP_CLIENT_H_
#define MILLRACE_NET_HTTP_CLIENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "net/url.h"

namespace millrace {

struct HttpResponse {
  int status = 0;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case

  // The first header of that (lower-case) name, or "".
  std::string_view header(std::string_view name) const;
  // Retry-After in seconds or as an HTTP date relative to `now`; zero if absent or unreadable.
  absl::Duration RetryAfter(absl::Time now) const;
  // The server's clock when it responded; nullopt if absent or unreadable.
  std::optional<absl::Time> Date() const;
};

struct HttpRequest {
  std::string method = "GET";
  std::string url;                                           // must hold no secret
  std::vector<std::pair<std::string, std::string>> headers;  // secrets belong here
  std::string_view body;                                     // must outlive the call
  absl::Duration connect_timeout = absl::Seconds(15);
  absl::Duration timeout = absl::Seconds(90);        // of the whole exchange; zero: none
  absl::Duration stall_timeout = absl::Seconds(60);  // without any data transferred; zero: none
  // How long the exchange may continue after a stop is requested while it is in flight.
  absl::Duration stop_grace = absl::ZeroDuration();
  // The limit of HttpResponse::body, decoded; ResourceExhausted above it. It does not apply to
  // on_body.
  size_t max_response_bytes = 16 << 20;
  // If set, receives the body of a 2xx response piece by piece instead of HttpResponse::body; if it
  // returns an error, the exchange ends with it. Its run time does not count as a stall.
  std::function<absl::Status(std::string_view)> on_body;
  // If set, receives the status and headers of a 2xx response before its body; if it returns an
  // error, the exchange ends with it.
  std::function<absl::Status(const HttpResponse&)> on_head;
  bool accept_gzip = false;  // request gzip and decode it
};

// One thread at a time; keeps its connection between requests.
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  // Blocking. Unavailable: no (complete) response; the request may or may not have been executed.
  // Cancelled: `stop` was requested and no response came within the request's `stop_grace`; the
  // same is true, but without a grace nothing is sent after a stop. InvalidArgument: a bad URL or
  // header. Unauthenticated: the peer's certificate is not trusted. Messages name host and port,
  // never headers or query. Redirects are ordinary responses and are not followed.
  virtual absl::StatusOr<HttpResponse> Send(const HttpRequest& request, std::stop_token stop) = 0;
};

struct CurlOptions {
  // Certificates to trust (PEM) instead of the system's; "": the file in the environment variable
  // SSL_CERT_FILE, if it is set, as for OpenSSL.
  std::string ca_file;
};

// Uses libcurl: HTTP/1.1, checks certificates, and uses proxies from the usual environment
// variables (not for loopback hosts).
std::unique_ptr<HttpClient> NewCurlHttpClient(CurlOptions options = {});

// "Basic base64(user:password)".
std::string BasicAuthorization(std::string_view user, std::string_view password);

}  // namespace millrace

#endif  // MILLRACE_NET_HTTP_CLIENT_H_
