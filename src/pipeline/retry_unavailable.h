// Calls of systems that say Unavailable when a retry may succeed.
#ifndef MILLRACE_PIPELINE_RETRY_UNAVAILABLE_H_
#define MILLRACE_PIPELINE_RETRY_UNAVAILABLE_H_

#include <stop_token>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/retrier.h"
#include "base/status.h"

namespace millrace {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

// Calls until the result, a Status or StatusOr, is not Unavailable, as the policy says.
template <typename Call>
auto RetryUnavailable(Retrier& retrier, const std::stop_token& stop, Call call)
    -> decltype(call()) {
  for (RetryLoop tries(retrier);;) {
    auto result = call();
    if (result.ok()) tries.Succeeded();
    if (!absl::IsUnavailable(StatusOf(result))) return result;
    RETURN_IF_ERROR(tries.WaitToRetry(StatusOf(result), absl::ZeroDuration(), stop));
  }
}

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_RETRY_UNAVAILABLE_H_
