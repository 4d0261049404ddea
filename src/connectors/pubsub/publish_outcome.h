// What the response to a publish request means. Pure.
#ifndef MILLRACE_CONNECTORS_PUBSUB_PUBLISH_OUTCOME_H_
#define MILLRACE_CONNECTORS_PUBSUB_PUBLISH_OUTCOME_H_

#include "absl/status/status.h"

namespace millrace::pubsub {

enum class PublishOutcome {
  kDurable,    // all messages are stored
  kRefused,    // none is, because of one of them; the service names none
  kRetry,      // unknown: the same request may succeed later
  kThrottled,  // the same, and the service asks for a lower rate
  kStop,       // every request will fail until somebody changes something
};

// By the canonical code of `status` (docs/connectors/pubsub.md, "Errors"):
//   OK                                                       kDurable
//   INVALID_ARGUMENT, OUT_OF_RANGE                           kRefused
//   RESOURCE_EXHAUSTED                                       kThrottled
//   UNAVAILABLE, DEADLINE_EXCEEDED, INTERNAL, ABORTED, UNKNOWN, CANCELLED   kRetry
//   all others: NOT_FOUND, PERMISSION_DENIED, UNAUTHENTICATED, FAILED_PRECONDITION ...   kStop
PublishOutcome ClassifyPublishStatus(const absl::Status& status);

}  // namespace millrace::pubsub

#endif  // MILLRACE_CONNECTORS_PUBSUB_PUBLISH_OUTCOME_H_
