// What HTTP statuses mean for the client.
#ifndef MILLRACE_NET_HTTP_STATUS_H_
#define MILLRACE_NET_HTTP_STATUS_H_

namespace millrace {

// Whether the same request may succeed later: 408 (timeout), 429 (throttled) and all of 5xx except
// 501 and 505, which mean that the server will never execute the request (RFC 9110, 15.6).
constexpr bool IsRetryableStatus(int http_status) {
  if (http_status == 501 || http_status == 505) return false;
  return http_status == 408 || http_status == 429 || http_status >= 500;
}

}  // namespace millrace

#endif  // MILLRACE_NET_HTTP_STATUS_H_
