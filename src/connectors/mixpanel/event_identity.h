// The four keys by which Mixpanel deduplicates events.
#ifndef MILLRACE_CONNECTORS_MIXPANEL_EVENT_IDENTITY_H_
#define MILLRACE_CONNECTORS_MIXPANEL_EVENT_IDENTITY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "base/hash.h"

namespace millrace::mixpanel {

struct EventIdentity {
  std::string event;
  int64_t unix_millis = 0;
  // The four keys as compact JSON: ["event","distinct_id",milliseconds,"$insert_id"].
  std::string key;

  void Set(std::string name, std::string_view distinct_id, int64_t millis,
           std::string_view insert_id);
  // Parses a text in the form of `key`. InvalidArgument if it is not one.
  absl::Status SetFromKey(std::string_view text);
  Hash128 fingerprint() const { return HashBytes(key); }
  // Days since 1970-01-01, UTC.
  int64_t day() const;
};

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

#endif  // MILLRACE_CONNECTORS_MIXPANEL_EVENT_IDENTITY_H_
