// HTTP requests out. An answer of any status is a successful exchange; the caller decides what a
// 404 means. Retry is not done here (base/retry_policy.h).
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
  // The server's clock when it answered; nullopt if absent or unreadable.
  std::optional<absl::Time> Date() const;
};

struct HttpRequest {
  std::string method = "GET";
  std::string url;                                           // must hold no secret
  std::vector<std::pair<std::string, std::string>> headers;  // secrets belong here
  std::string_view body;                                     // must outlive the call
  absl::Duration connect_timeout = absl::Seconds(15);
  absl::Duration timeout = absl::Seconds(90);        // of the whole exchange; zero: none
  absl::Duration stall_timeout = absl::Seconds(60);  // without a byte moving; zero: none
  // How long the exchange may still go on when a stop is requested while it is under way.
  absl::Duration stop_grace = absl::ZeroDuration();
  // Of HttpResponse::body, decoded; ResourceExhausted past it. What on_body takes is not counted.
  size_t max_response_bytes = 16 << 20;
  // If set, gets the body of a 2xx answer piece by piece instead of HttpResponse::body; returning a
  // status that is not ok ends the exchange with it. The time it takes does not count as a stall.
  std::function<absl::Status(std::string_view)> on_body;
  // If set, is shown a 2xx answer's status and headers before its body; returning a status that is
  // not ok ends the exchange with it.
  std::function<absl::Status(const HttpResponse&)> on_head;
  bool accept_gzip = false;  // ask for gzip and decode it
};

// One thread at a time; keeps its connection between requests.
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  // Blocking. Unavailable: no (whole) answer; whether the request was carried out is not known.
  // Cancelled: `stop` was requested and no answer came within the request's `stop_grace`; it is not
  // known either, but nothing is sent without a grace after a stop. InvalidArgument: a bad URL or
  // header. Unauthenticated: the peer's certificate is not trusted. Messages name host and port,
  // never headers or query. Redirects are answers like others and are not followed.
  virtual absl::StatusOr<HttpResponse> Send(const HttpRequest& request, std::stop_token stop) = 0;
};

struct CurlOptions {
  // Certificates to trust (PEM) instead of the system's; "": the file that SSL_CERT_FILE of the
  // environment names, if it is set, as for OpenSSL.
  std::string ca_file;
};

// Over libcurl: HTTP/1.1, certificates checked, proxies by the usual environment variables (not for
// loopback hosts).
std::unique_ptr<HttpClient> NewCurlHttpClient(CurlOptions options = {});

// "Basic base64(user:password)".
std::string BasicAuthorization(std::string_view user, std::string_view password);

}  // namespace millrace

#endif  // MILLRACE_NET_HTTP_CLIENT_H_
