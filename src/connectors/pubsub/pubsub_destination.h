// Pub/Sub as a destination: topics of events, users and groups (docs/connectors/pubsub.md).
#ifndef MILLRACE_CONNECTORS_PUBSUB_PUBSUB_DESTINATION_H_
#define MILLRACE_CONNECTORS_PUBSUB_PUBSUB_DESTINATION_H_

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/environment.h"
#include "pipeline/destination.h"

namespace millrace {

// Direct: a record that is sent again is another message, which subscribers can recognise by its
// $insert_id. `uri` is "pubsub://PROJECT/TOPIC?..." (TopicSpec::Parse). Connects to nothing.
// InvalidArgument: the URI cannot be used; others: the Google credentials cannot be used.
absl::StatusOr<std::unique_ptr<Destination>> OpenPubsubDestination(std::string_view uri,
                                                                   const Environment& environment);

}  // namespace millrace

#endif  // MILLRACE_CONNECTORS_PUBSUB_PUBSUB_DESTINATION_H_
