// The messages that Cloud Storage publishes to a topic when an object changes. A Pub/Sub push
// request has the same attributes and data (watch/gcs_event.cc passes them here).
// Format: cloud.google.com/storage/docs/pubsub-notifications.
#ifndef MILLRACE_CONNECTORS_PUBSUB_GCS_NOTIFICATION_H_
#define MILLRACE_CONNECTORS_PUBSUB_GCS_NOTIFICATION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "connectors/pubsub/message.h"

namespace millrace::pubsub {

// A new object, or a new generation of one.
struct GcsObjectNotification {
  std::string uri;                            // gs://bucket/name
  std::string generation;                     // decimal, above 0
  std::optional<uint64_t> size;               // if the payload has it
  std::string overwrote_generation;           // empty: the object is new
  absl::Time written = absl::InfinitePast();  // if the notification has it
};

// Whether a message is a notification at all, by its eventType ("OBJECT_...").
bool IsGcsNotification(const Attributes& attributes);

// Nullopt: the notification is not about a finished object (deleted, archived, other metadata) and
// needs no action. InvalidArgument: it is not a notification of Cloud Storage; a redelivery will
// not change that.
absl::StatusOr<std::optional<GcsObjectNotification>> ParseGcsNotification(
    const Attributes& attributes, std::string_view data);

}  // namespace millrace::pubsub

#endif  // MILLRACE_CONNECTORS_PUBSUB_GCS_NOTIFICATION_H_
