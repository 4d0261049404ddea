// Parses the requests that cloud services send when an object was written.
#ifndef MILLRACE_WATCH_STORAGE_EVENT_H_
#define MILLRACE_WATCH_STORAGE_EVENT_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace millrace::watch {

struct StorageEvent {
  std::string uri;      // gs://bucket/name, s3://bucket/name, az://container/name
  std::string version;  // generation, version id or ETag, if given
  absl::Time written = absl::InfinitePast();
};

struct StorageEvents {
  std::vector<StorageEvent> objects;
  size_t others = 0;  // well formed, but not about a written object: deletions, tests
  // Event Grid validates the endpoint: the code that the response repeats.
  std::string validation_code;
  // SNS asks to confirm the subscription: opening this URL confirms it.
  std::string confirmation_url;
};

constexpr size_t kMaxEvents = 1000;  // in one request

using HeaderLookup = std::function<std::string_view(std::string_view name)>;

// Reads a request of any of these forms, which are detected from content:
//   CloudEvents, binary, structured and batched: Cloud Storage by Eventarc and Cloud Functions,
//     Pub/Sub messages by Eventarc, Azure Blob by Event Grid
//   Pub/Sub push of Cloud Storage notifications
//   the Cloud Storage object resource, bare or as {"context", "data"} (Cloud Functions gen 1)
//   S3 notification records; within SQS records (Lambda), SNS records and SNS's own HTTP delivery;
//     S3 events of EventBridge
//   Event Grid's own schema, with its validation request
// InvalidArgument, which says what is wrong, for anything else. Memory is proportional to the body.
absl::StatusOr<StorageEvents> ParseStorageEvents(const HeaderLookup& header, std::string_view body);

}  // namespace millrace::watch

#endif  // MILLRACE_WATCH_STORAGE_EVENT_H_
