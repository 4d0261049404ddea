// Creates what destinations lack while a proxy already runs.
#ifndef MILLRACE_CLI_CREATE_AT_START_H_
#define MILLRACE_CLI_CREATE_AT_START_H_

#include <memory>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/retry_policy.h"
#include "pipeline/destination.h"

namespace millrace::cli {

// Calls Destination::Create() of each destination in a thread of its own, again while it is
// unavailable. What a destination refuses is logged as a warning. Destroying it stops the threads.
class CreateAtStart {
 public:
  // `destinations` and `clock` outlive it.
  CreateAtStart(const std::vector<std::unique_ptr<Destination>>& destinations, Clock& clock,
                RetryPolicy policy = {.give_up_after = absl::InfiniteDuration()});

 private:
  std::vector<std::jthread> threads_;
};

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_CREATE_AT_START_H_
