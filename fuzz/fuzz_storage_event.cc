// Requests that report written objects: any bytes are accepted or rejected. The first byte chooses
// the type of a binary CloudEvent.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "watch/object_log.h"
#include "watch/storage_event.h"

namespace {

constexpr std::string_view kTypes[] = {"",
                                       "",
                                       "",
                                       "google.cloud.storage.object.v1.finalized",
                                       "google.cloud.pubsub.topic.v1.messagePublished",
                                       "Microsoft.Storage.BlobCreated",
                                       "other"};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace::watch;
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto header = [&](std::string_view name) -> std::string_view {
    if (name == "ce-type") return kTypes[data[0] % std::size(kTypes)];
    return body.substr(0, 64);
  };
  TraceOf(body, body);
  const absl::StatusOr<StorageEvents> events = ParseStorageEvents(header, body);
  if (!events.ok()) {
    if (events.status().code() != absl::StatusCode::kInvalidArgument) std::abort();
    return 0;
  }
  if (events->objects.size() > kMaxEvents) std::abort();
  for (const StorageEvent& event : events->objects) {
    if (event.uri.find("://") != 2 || event.uri.size() > 1300) std::abort();
  }
  return 0;
}
