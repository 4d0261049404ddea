// A Pub/Sub message: bytes with attributes.
#ifndef MILLRACE_CONNECTORS_PUBSUB_MESSAGE_H_
#define MILLRACE_CONNECTORS_PUBSUB_MESSAGE_H_

#include <cstddef>
#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"

namespace millrace::pubsub {

using Attributes = std::map<std::string, std::string, std::less<>>;

struct Message {
  std::string data;
  Attributes attributes;
};

// Limits of the service, per message and per publish request (cloud.google.com/pubsub/quotas).
inline constexpr size_t kMaxMessageBytes = 10'000'000;
inline constexpr size_t kMaxRequestMessages = 1000;
inline constexpr size_t kMaxRequestBytes = 9'500'000;  // of 10 MB, with room for the framing
inline constexpr size_t kMaxAttributes = 100;
inline constexpr size_t kMaxAttributeKeyBytes = 256;
inline constexpr size_t kMaxAttributeValueBytes = 1024;
inline constexpr size_t kMaxOrderingKeyBytes = 1024;

// The approximate size of the message in a request; never less than the real size.
size_t WireBytes(const Message& message);

// InvalidArgument names the limit that `message` breaks.
absl::Status CheckMessage(const Message& message);

}  // namespace millrace::pubsub

#endif  // MILLRACE_CONNECTORS_PUBSUB_MESSAGE_H_
