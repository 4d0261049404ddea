// Keeps some properties of exported events, and says whose they are.
#ifndef MILLRACE_CONNECTORS_MIXPANEL_EVENT_PROPERTIES_H_
#define MILLRACE_CONNECTORS_MIXPANEL_EVENT_PROPERTIES_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace millrace::mixpanel {

// One thread at a time; reuses its buffers.
class EventProperties {
 public:
  // The names of properties to keep, besides time, distinct_id, $insert_id and
  // mp_processing_time_ms, which say which event it is. Empty: all.
  explicit EventProperties(std::vector<std::string> names);
  ~EventProperties();

  struct Event {
    std::string_view line;         // with the properties to keep
    std::vector<std::string> ids;  // distinct_id, and the one before Mixpanel has replaced it
  };
  // Of an event, or of an update of a user's profile, which keeps everything. InvalidArgument if
  // `json` is no object. The result is valid until the next call, and as long as `json`.
  absl::StatusOr<Event> Read(std::string_view json);

 private:
  struct Parts;
  const std::unique_ptr<Parts> parts_;
};

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_EVENT_PROPERTIES_H_
