// Facts: cloud.google.com/storage/docs/pubsub-notifications and the JSON API's object resource.
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/pubsub/gcs_notification.h"
#include "watch/event_json_internal.h"

namespace millrace::watch {

absl::Status AddGcsResource(const Json& resource, StorageEvents& events) {
  // "updated" also changes with the metadata; the generation has the age of the bytes.
  const std::string created = Text(resource, "timeCreated");
  return AddObject("gs", Text(resource, "bucket"), Text(resource, "name"),
                   Text(resource, "generation"),
                   EventTime(created.empty() ? Text(resource, "updated") : created), events);
}

absl::Status AddPubsubMessage(const Json& message, StorageEvents& events) {
  const Json& members = Member(message, "attributes");
  pubsub::Attributes attributes;
  if (members.is_object()) {
    for (const auto& [name, value] : members.items())
      attributes[name] = Text(members, name.c_str());
  }
  if (pubsub::IsGcsNotification(attributes)) {
    ASSIGN_OR_RETURN(std::optional<pubsub::GcsObjectNotification> notification,
                     pubsub::ParseGcsNotification(attributes, ""));
    if (notification.has_value()) {
      return AddEvent({std::move(notification->uri), std::move(notification->generation),
                       notification->written},
                      events);
    }
  }
  if (std::string data; !absl::Base64Unescape(Text(message, "data"), &data)) {
    return absl::InvalidArgumentError("the data of the Pub/Sub message is not base64");
  }
  // Another kind of notification, or not a notification.
  ++events.others;
  return absl::OkStatus();
}

}  // namespace millrace::watch
