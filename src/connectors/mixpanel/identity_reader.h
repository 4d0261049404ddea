// The identities of events, as they were sent and as Mixpanel returns them.
#ifndef MILLRACE_CONNECTORS_MIXPANEL_IDENTITY_READER_H_
#define MILLRACE_CONNECTORS_MIXPANEL_IDENTITY_READER_H_

#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "base/event_identity.h"

namespace millrace::mixpanel {

// Reads the identities of events, both as sent and as returned by the raw export. One thread at a
// time; reuses its buffers.
class IdentityReader {
 public:
  IdentityReader();
  ~IdentityReader();

  // InvalidArgument if `json` is not an event with a numeric time. It reverts the changes that
  // Mixpanel makes: $distinct_id_before_identity and the originals of $hotshard_events win, times
  // in seconds become milliseconds, numeric ids become text, and without a distinct_id the event is
  // of $user_id, else of "$device:" + $device_id, else of "".
  absl::Status Read(std::string_view json, EventIdentity& identity);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_IDENTITY_READER_H_
