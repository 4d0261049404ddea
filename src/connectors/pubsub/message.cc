#include "connectors/pubsub/message.h"

#include "base/strings.h"
#include "base/utf8.h"

namespace millrace::pubsub {

size_t WireBytes(const Message& message) {
  size_t bytes = message.data.size() + 32;
  for (const auto& [key, value] : message.attributes) bytes += key.size() + value.size() + 16;
  return bytes;
}

absl::Status CheckMessage(const Message& message) {
  if (message.data.empty() && message.attributes.empty()) {
    return absl::InvalidArgumentError("a Pub/Sub message must have data or an attribute");
  }
  if (message.attributes.size() > kMaxAttributes) {
    return absl::InvalidArgumentError(StrCat("a Pub/Sub message of ", message.attributes.size(),
                                             " attributes; at most ", kMaxAttributes, " go in"));
  }
  for (const auto& [key, value] : message.attributes) {
    if (key.empty() || key.size() > kMaxAttributeKeyBytes ||
        value.size() > kMaxAttributeValueBytes) {
      return absl::InvalidArgumentError(
          StrCat("the Pub/Sub attribute '", key.substr(0, 40), "' of ", key.size(), " + ",
                 value.size(), " bytes; at most ", kMaxAttributeKeyBytes, " + ",
                 kMaxAttributeValueBytes, " go in, and a name must be there"));
    }
  }
  for (const auto& [key, value] : message.attributes) {
    if (!IsWellFormedUtf8(key) || !IsWellFormedUtf8(value)) {
      return absl::InvalidArgumentError("a Pub/Sub attribute that is not UTF-8");
    }
  }
  if (const size_t bytes = WireBytes(message); bytes > kMaxRequestBytes) {
    return absl::InvalidArgumentError(
        StrCat("a Pub/Sub message of ", bytes, " bytes; at most ", kMaxRequestBytes, " go in"));
  }
  return absl::OkStatus();
}

}  // namespace millrace::pubsub
