// What can be asked and done about a topic besides publishing.
#ifndef MILLRACE_CONNECTORS_PUBSUB_TOPIC_ADMIN_H_
#define MILLRACE_CONNECTORS_PUBSUB_TOPIC_ADMIN_H_

#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "connectors/pubsub/connection.h"
#include "pipeline/destination.h"

namespace millrace::pubsub {

// All block for up to 30 s per request. `topic` is as TopicName() returns it.

// Whether messages can be published, and whether any subscription would receive them. What the
// credentials may not look up is left out.
std::vector<AccessCheck> CheckTopic(Connection& connection, const std::string& topic,
                                    std::stop_token stop);

// Ok if it exists.
absl::Status CreateTopic(Connection& connection, const std::string& topic, std::stop_token stop);

// Ok if it does not exist. Its subscriptions stay, and receive nothing more.
absl::Status DeleteTopic(Connection& connection, const std::string& topic, std::stop_token stop);

}  // namespace millrace::pubsub

#endif  // MILLRACE_CONNECTORS_PUBSUB_TOPIC_ADMIN_H_
