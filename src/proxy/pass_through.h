// Requests that are Mixpanel's: session replay, feature flags, settings and the SDK's JavaScript
// are passed on, or answered so that the SDKs continue as if the feature were not used.
#ifndef MILLRACE_PROXY_PASS_THROUGH_H_
#define MILLRACE_PROXY_PASS_THROUGH_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "base/clock.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "proxy/routes.h"

namespace millrace::proxy {

using ResponseHeaders = std::vector<std::pair<std::string, std::string>>;

struct PassThroughOptions {
  std::string api_url;     // "https://api.mixpanel.com"; empty: stubs answer
  std::string decide_url;  // the same for /decide
  // Of the folder that holds mixpanel-2-latest.min.js: "https://cdn.mxpnl.com/libs"; empty: 404.
  std::string library_url;
  int threads = 4;           // each has one request at a time
  size_t max_waiting = 256;  // requests; further ones are answered with 503
  size_t max_waiting_bytes = 16 << 20;
  absl::Duration timeout = absl::Seconds(15);  // of one request, waiting included
  size_t max_response_bytes = 4 << 20;
  size_t cache_bytes = 16 << 20;
  absl::Duration default_max_age = absl::Hours(1);  // of a library without Cache-Control
  absl::Duration retry_after = absl::Seconds(10);
};

struct PassThroughCounts {
  std::atomic<uint64_t> forwarded{0};
  std::atomic<uint64_t> stubbed{0};
  std::atomic<uint64_t> failed{0};   // no response from upstream
  std::atomic<uint64_t> refused{0};  // too many wait
  std::atomic<uint64_t> library_hits{0};
  std::atomic<uint64_t> library_misses{0};
};

// Thread-safe.
class PassThrough {
 public:
  using NewClient = std::function<std::unique_ptr<HttpClient>()>;

  // `new_client` is called once for each thread. `clock` outlives it.
  PassThrough(PassThroughOptions options, NewClient new_client, Clock& clock);
  // Ends requests in progress; those that wait get their fallback.
  ~PassThrough();

  // The response to a request for `match`, whose route is one of Mixpanel's. `headers` are added to
  // it, whoever answers, and `client_address` ("" if unknown) becomes X-Forwarded-For. Does not
  // block.
  ServerResponse Handle(const ServerRequest& request, const RouteMatch& match,
                        std::string_view client_address, const ResponseHeaders& headers);

  const PassThroughCounts& counts() const;

 private:
  class Impl;
  const std::shared_ptr<Impl> impl_;
};

}  // namespace millrace::proxy

#endif  // MILLRACE_PROXY_PASS_THROUGH_H_
