// What Cloud Storage says into a topic when an object changes; a Pub/Sub push request carries the
// same attributes and data (watch/gcs_event.cc brings them here).
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
  std::optional<uint64_t> size;               // if the payload says it
  std::string overwrote_generation;           // empty: the object is new
  absl::Time written = absl::InfinitePast();  // if the notification says it
};

// Whether a message is one of these at all, by its eventType ("OBJECT_...").
bool IsGcsNotification(const Attributes& attributes);

// Nullopt: the notification is not of a finished object (deleted, archived, other metadata), and
// wants nothing done. InvalidArgument: it is no notification of Cloud Storage; that will not change
// when it comes again.
absl::StatusOr<std::optional<GcsObjectNotification>> ParseGcsNotification(
    const Attributes& attributes, std::string_view data);

}  // namespace millrace::pubsub

#endif  // MILLRACE_CONNECTORS_PUBSUB_GCS_NOTIFICATION_H_
