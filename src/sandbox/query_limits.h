// Mixpanel's limits of exports and queries (mixpanel.com: rate limits): so many an hour, three
// exports a second, 5 queries and 100 exports at a time.
#ifndef MILLRACE_SANDBOX_QUERY_LIMITS_H_
#define MILLRACE_SANDBOX_QUERY_LIMITS_H_

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "sandbox/faults.h"

namespace millrace::sandbox {

// Thread-safe.
class QueryLimits {
 public:
  // `per_hour` is the limit of each API. 0: there are no limits.
  explicit QueryLimits(size_t per_hour = 0) : state_(std::make_shared<State>()) {
    state_->per_hour = per_hour;
  }

  // Whoever holds it is running.
  using Permit = std::shared_ptr<void>;
  struct Refusal {
    std::string error;  // as Mixpanel words it
    // How long until the next one may be admitted, and what the headers say; of queries only.
    int64_t retry_after_s = 0;
    std::string policy;
    std::string state;
  };
  // Null if there are no limits. Refused requests do not count. Without `counts`, only the number
  // of running ones is limited: later pages of a session are free.
  std::variant<Permit, Refusal> Admit(ReadApi api, absl::Time now, bool counts,
                                      std::string_view project_id);
  void Clear();

 private:
  struct Usage {
    std::deque<absl::Time> begun;  // within the last hour
    size_t running = 0;
  };
  struct State {
    size_t per_hour = 0;
    absl::Mutex mutex;
    std::array<Usage, 2> usage ABSL_GUARDED_BY(mutex);
  };

  std::shared_ptr<State> state_;
};

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_QUERY_LIMITS_H_
