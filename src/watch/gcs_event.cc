// Facts: cloud.google.com/storage/docs/pubsub-notifications and the JSON API's object resource.
#include "absl/strings/escaping.h"
#include "base/status.h"
#include "base/strings.h"
#include "watch/event_json_internal.h"

namespace millrace::watch {

absl::Status AddGcsResource(const Json& resource, StorageEvents& events) {
  // "updated" also moves with the metadata; the bytes are as old as the generation.
  const std::string created = Text(resource, "timeCreated");
  return AddObject("gs", Text(resource, "bucket"), Text(resource, "name"),
                   Text(resource, "generation"),
                   EventTime(created.empty() ? Text(resource, "updated") : created), events);
}

absl::Status AddPubsubMessage(const Json& message, StorageEvents& events) {
  const Json& attributes = Member(message, "attributes");
  const std::string type = Text(attributes, "eventType");
  if (type == "OBJECT_FINALIZE") {
    return AddObject("gs", Text(attributes, "bucketId"), Text(attributes, "objectId"),
                     Text(attributes, "objectGeneration"), EventTime(Text(attributes, "eventTime")),
                     events);
  }
  std::string data;
  if (!absl::Base64Unescape(Text(message, "data"), &data)) {
    return absl::InvalidArgumentError("the data of the Pub/Sub message is not base64");
  }
  // Another kind of notification, or a message that is none.
  ++events.others;
  return absl::OkStatus();
}

}  // namespace millrace::watch
