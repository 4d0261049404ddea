// A time limit for work that is finished after a stop was requested.
#ifndef MILLRACE_BASE_STOP_DEADLINE_H_
#define MILLRACE_BASE_STOP_DEADLINE_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <utility>

#include "absl/time/time.h"
#include "base/clock.h"

namespace millrace {

// `grace` counts from the stop, or from the construction of this object if that is later.
class StopDeadline {
 public:
  StopDeadline(std::stop_token stop, absl::Duration grace, Clock& clock)
      : grace_(grace), clock_(clock), note_(std::move(stop), [this] { NoteStop(); }) {}

  // All of the grace while no stop is requested; zero once it is used up. Thread-safe.
  absl::Duration left() const {
    const int64_t stopped_ns = stopped_ns_;
    if (stopped_ns == kNotStopped) return grace_;
    const absl::Duration used = clock_.Elapsed() - absl::Nanoseconds(stopped_ns);
    return std::max(grace_ - used, absl::ZeroDuration());
  }

 private:
  static constexpr int64_t kNotStopped = INT64_MIN;

  void NoteStop() { stopped_ns_ = absl::ToInt64Nanoseconds(clock_.Elapsed()); }

  const absl::Duration grace_;
  Clock& clock_;
  std::atomic<int64_t> stopped_ns_{kNotStopped};
  const std::stop_callback<std::function<void()>> note_;  // last: it may call at once
};

}  // namespace millrace

#endif  // MILLRACE_BASE_STOP_DEADLINE_H_
