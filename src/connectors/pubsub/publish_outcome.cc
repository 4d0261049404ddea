#include "connectors/pubsub/publish_outcome.h"

#include "connectors/pubsub/connection_internal.h"

namespace millrace::pubsub {

PublishOutcome ClassifyPublishStatus(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return PublishOutcome::kDurable;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return PublishOutcome::kRefused;
    case absl::StatusCode::kResourceExhausted:
      return PublishOutcome::kThrottled;
    default:
      return IsTransient(status) ? PublishOutcome::kRetry : PublishOutcome::kStop;
  }
}

}  // namespace millrace::pubsub
