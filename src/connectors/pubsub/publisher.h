// Publishes messages to a topic, with confirmation.
#ifndef MILLRACE_CONNECTORS_PUBSUB_PUBLISHER_H_
#define MILLRACE_CONNECTORS_PUBSUB_PUBLISHER_H_

#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "base/retry_policy.h"
#include "connectors/pubsub/connection.h"
#include "connectors/pubsub/message.h"

namespace millrace::pubsub {

// Thread-safe. Contract: connectors/pubsub/testing/publisher_contract.h.
class Publisher {
 public:
  virtual ~Publisher() = default;

  // Blocking. Ok: the service has stored all of `messages`; they arrive in any order, and may
  // arrive more than once. Otherwise some may have been stored and the whole call must be repeated:
  // Unavailable and the like after the retries of the policy, Cancelled if `stop` was requested
  // before the service responded. Other errors are permanent: NotFound, PermissionDenied,
  // InvalidArgument (a limit of message.h; nothing was sent).
  virtual absl::Status Publish(absl::Span<const Message> messages, std::stop_token stop) = 0;
};

struct PublisherOptions {
  std::string topic;  // as TopicName() returns it
  RetryPolicy retry = {.initial = absl::Milliseconds(200),
                       .max = absl::Seconds(20),
                       .min_jitter = absl::ZeroDuration(),
                       .max_jitter = absl::Milliseconds(200)};
  absl::Duration timeout = absl::Seconds(60);  // of one try
};

// `connection` and `clock` must outlive it.
std::unique_ptr<Publisher> NewPublisher(Connection& connection, PublisherOptions options,
                                        Clock& clock = Clock::Real());

}  // namespace millrace::pubsub

#endif  // MILLRACE_CONNECTORS_PUBSUB_PUBLISHER_H_
