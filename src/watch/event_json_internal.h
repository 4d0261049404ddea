// The JSON of events, and the collector for the event forms of all clouds.
#ifndef MILLRACE_WATCH_EVENT_JSON_INTERNAL_H_
#define MILLRACE_WATCH_EVENT_JSON_INTERNAL_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "watch/storage_event.h"

namespace millrace::watch {

using Json = nlohmann::json;

// InvalidArgument if `text` is not JSON; values nested deeper than 32 levels are omitted.
absl::StatusOr<Json> ParseEventJson(std::string_view text);

// Member `key` of an object; a null value if there is no object or no such member.
const Json& Member(const Json& object, const char* key);
// The text of member `key`, as digits if it is a number; "" if it is neither.
std::string Text(const Json& object, const char* key);
bool Has(const Json& object, const char* key);

absl::Time EventTime(const std::string& rfc3339);

// InvalidArgument if there are too many.
absl::Status AddEvent(StorageEvent event, StorageEvents& events);
// Adds the object to `events`. InvalidArgument if bucket or name is invalid.
absl::Status AddObject(std::string_view scheme, const std::string& bucket, const std::string& name,
                       std::string version, absl::Time written, StorageEvents& events);

// Google: the object resource, and a Pub/Sub message ({"attributes", "data", ...}).
absl::Status AddGcsResource(const Json& resource, StorageEvents& events);
absl::Status AddPubsubMessage(const Json& message, StorageEvents& events);
// Amazon: one of "Records" of an S3 notification, and an EventBridge event.
absl::Status AddS3Record(const Json& record, StorageEvents& events);
absl::Status AddS3BridgeEvent(const Json& event, StorageEvents& events);
// Azure: one event of Event Grid, whose type and time come from its envelope.
absl::Status AddAzureBlob(const Json& data, const std::string& subject, absl::Time written,
                          StorageEvents& events);

}  // namespace millrace::watch

#endif  // MILLRACE_WATCH_EVENT_JSON_INTERNAL_H_
