// What browsers require before a page of another origin may use a response (CORS). The JavaScript
// SDK sends credentials, so an origin must be named. Without these headers it takes the response
// for an offline browser's success and deletes its queue: every response to a page must have them.
#ifndef MILLRACE_PROXY_CORS_H_
#define MILLRACE_PROXY_CORS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "net/http_server.h"

namespace millrace::proxy {

// Immutable, thus thread-safe.
class Cors {
 public:
  // Pages of `origins` ("https://www.example.com"; a path is ignored) may read responses; if it is
  // empty, pages of every origin. InvalidArgument: not an origin.
  static absl::StatusOr<Cors> Make(const std::vector<std::string>& origins);

  // Adds the headers, if the request has an Origin. A page of another origin than the allowed ones
  // gets those of the first allowed one, so that its browser keeps the response from it.
  void AddHeaders(const ServerRequest& request, ServerResponse* reply) const;

  // The response to OPTIONS, with these headers.
  ServerResponse Preflight(const ServerRequest& request) const;

 private:
  std::string_view AllowedOrigin(std::string_view origin) const;

  std::vector<std::string> origins_;  // in lower case
};

}  // namespace millrace::proxy

#endif  // MILLRACE_PROXY_CORS_H_
