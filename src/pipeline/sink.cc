#include "pipeline/sink.h"

#include <utility>

namespace millrace {

WriteResult WriteResult::Durable(std::vector<RefusedRow> refused, std::vector<size_t> fenced) {
  WriteResult result;
  result.status_ = absl::OkStatus();
  result.retryable_ = false;
  result.refused_ = std::move(refused);
  result.fenced_ = std::move(fenced);
  return result;
}

WriteResult WriteResult::Retry(absl::Status why, absl::Duration retry_after, bool throttled) {
  WriteResult result;
  if (!why.ok()) result.status_ = std::move(why);
  result.retry_after_ = retry_after;
  result.throttled_ = throttled;
  return result;
}

WriteResult WriteResult::Stop(absl::Status why) {
  WriteResult result;
  if (!why.ok()) result.status_ = std::move(why);
  result.retryable_ = false;
  return result;
}

WriteResult WriteResult::RefusedWhole(absl::Status why) {
  WriteResult result = Stop(std::move(why));
  result.refused_whole_ = true;
  return result;
}

}  // namespace millrace
