// How servers have answered the requests of this process.
#ifndef MILLRACE_NET_RESPONSE_COUNTS_H_
#define MILLRACE_NET_RESPONSE_COUNTS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/metrics_text.h"

namespace millrace {

// Thread-safe.
class ResponseCounts {
 public:
  static constexpr size_t kMaxHosts = 100;  // further ones are counted as "other"

  // Counts a response of `host`. For a status from 500 on, returns how many such responses have not
  // been logged if a line about them is due: for the first five, then for one a second; otherwise
  // 0.
  uint64_t Add(std::string_view host, int status, absl::Time now);

  void AddTo(MetricsText& page) const;

 private:
  struct Count {
    uint64_t all = 0;
    uint64_t not_logged = 0;
    absl::Time lines_until = absl::InfinitePast();  // a second later for each line
  };

  mutable absl::Mutex mutex_;
  std::map<std::string, std::map<int, Count>, std::less<>> hosts_ ABSL_GUARDED_BY(mutex_);
};

// Counts a response for this process, and logs errors of the server: five lines of each host and
// status, then one a second.
void CountResponse(std::string_view host, int status);

// Adds the responses of this process.
void AddResponseMetrics(MetricsText& page);

}  // namespace millrace

#endif  // MILLRACE_NET_RESPONSE_COUNTS_H_
