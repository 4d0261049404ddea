// Notifications of Cloud Storage, as anyone who may publish into the topic can send them: nothing
// that is accepted names anything but an object of a bucket, and its generation is a number.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "connectors/pubsub/gcs_notification.h"

// Lines "name=value" are attributes; what follows an empty line is the data.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  millrace::pubsub::Attributes attributes;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (line.empty()) break;
    const size_t equals = line.find('=');
    if (equals != line.npos) {
      attributes[std::string(line.substr(0, equals))] = std::string(line.substr(equals + 1));
    }
  }
  const auto notification = millrace::pubsub::ParseGcsNotification(attributes, text);
  if (notification.ok() && notification->has_value()) {
    const std::string& uri = (*notification)->uri;
    const std::string& generation = (*notification)->generation;
    if (!uri.starts_with("gs://") || uri.find('/', 5) == std::string::npos || uri.size() > 1300 ||
        generation.empty() || generation.find_first_not_of("0123456789") != std::string::npos) {
      std::abort();
    }
  }
  return 0;
}
