// How many requests the public listener has answered, by path and status, and how fast.
#ifndef MILLRACE_PROXY_REQUEST_STATS_H_
#define MILLRACE_PROXY_REQUEST_STATS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/time/time.h"
#include "base/histogram.h"
#include "net/http_server.h"
#include "proxy/routes.h"

namespace millrace::proxy {

// Thread-safe.
class RequestStats {
 public:
  // Others are counted under the last of their hundred, such as 418 under 499.
  static constexpr std::array<int, 24> kStatuses = {200, 204, 206, 299, 301, 302, 304, 399,
                                                    400, 401, 403, 404, 405, 408, 413, 429,
                                                    431, 499, 500, 501, 502, 503, 504, 599};

  void Count(Route route, int status) {
    counts_[static_cast<size_t>(route)][IndexOf(status)].fetch_add(1, std::memory_order_relaxed);
  }
  // The same, of a request with records that has an answer after `duration`.
  void Observe(Route route, int status, absl::Duration duration) {
    Count(route, status);
    durations_.Observe(absl::ToDoubleSeconds(duration));
  }
  // Makes a response that is sent later count in `stats` when it is sent.
  static void CountLater(std::shared_ptr<RequestStats> stats, Route route, ServerResponse* reply);

  uint64_t Get(Route route, size_t status_index) const {
    return counts_[static_cast<size_t>(route)][status_index].load(std::memory_order_relaxed);
  }
  const Histogram& durations() const { return durations_; }

 private:
  static size_t IndexOf(int status);

  std::array<std::array<std::atomic<uint64_t>, kStatuses.size()>, kRoutes> counts_{};
  Histogram durations_{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                       0.25,   0.5,   1,      2.5,   5,    10,    30};
};

}  // namespace millrace::proxy

#endif  // MILLRACE_PROXY_REQUEST_STATS_H_
