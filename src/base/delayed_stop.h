// A stop that follows another one after a grace period.
#ifndef MILLRACE_BASE_DELAYED_STOP_H_
#define MILLRACE_BASE_DELAYED_STOP_H_

#include <stop_token>
#include <thread>

#include "absl/time/time.h"

namespace millrace {

// For work that must still be done once `stop` is requested, and may then take `grace` of real time
// at most: token() is requested that long after `stop`, or after the construction if `stop` was
// requested before. Owns a thread, which ends with it.
class DelayedStop {
 public:
  DelayedStop(std::stop_token stop, absl::Duration grace);
  // One that is requested `grace` after its construction.
  explicit DelayedStop(absl::Duration grace);

  std::stop_token token() const { return late_.get_token(); }

 private:
  std::stop_source late_;
  std::jthread thread_;  // last: uses late_
};

}  // namespace millrace

#endif  // MILLRACE_BASE_DELAYED_STOP_H_
