// Names of topics and subscriptions: converts what users write to what Pub/Sub expects.
#ifndef MILLRACE_CONNECTORS_PUBSUB_RESOURCE_NAME_H_
#define MILLRACE_CONNECTORS_PUBSUB_RESOURCE_NAME_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace millrace::pubsub {

// "projects/PROJECT/topics/TOPIC" from that, from "pubsub://PROJECT/TOPIC", or from a bare "TOPIC"
// of `project`. InvalidArgument says what to write instead. Rules of names: 3 to 255 of letters,
// digits and "-_.~+%", beginning with a letter, and not with "goog".
absl::StatusOr<std::string> TopicName(std::string_view text, std::string_view project = "");

// "projects/PROJECT/subscriptions/SUBSCRIPTION", likewise.
absl::StatusOr<std::string> SubscriptionName(std::string_view text, std::string_view project = "");

}  // namespace millrace::pubsub

#endif  // MILLRACE_CONNECTORS_PUBSUB_RESOURCE_NAME_H_
