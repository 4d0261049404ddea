#include "cli/create_at_start.h"

#include <pthread.h>

#include "base/log.h"
#include "base/retrier.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace::cli {
namespace {

void Create(Destination& destination, Clock& clock, const RetryPolicy& policy,
            const std::stop_token& stop) {
  Retrier retrier(policy, clock);
  for (RetryLoop tries(retrier); !stop.stop_requested();) {
    absl::Status status = destination.Create(stop);
    if (status.ok()) {
      Log(Severity::kInfo, "the destination has its tables or topics",
          {{"destination", destination.label()}});
      return;
    }
    if (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status)) {
      status = tries.WaitToRetry(status, absl::ZeroDuration(), stop);
      if (status.ok()) continue;
    }
    if (stop.stop_requested()) return;
    Log(Severity::kWarning, "tables or topics could not be created at the start",
        {{"destination", destination.label()}, {"error", ToStd(status.message())}});
    return;
  }
}

}  // namespace

CreateAtStart::CreateAtStart(const std::vector<std::unique_ptr<Destination>>& destinations,
                             Clock& clock, RetryPolicy policy) {
  for (const auto& destination : destinations) {
    threads_.emplace_back([&destination = *destination, &clock, policy](std::stop_token stop) {
      pthread_setname_np(pthread_self(), "proxy-create");
      Create(destination, clock, policy, stop);
    });
  }
}

}  // namespace millrace::cli
