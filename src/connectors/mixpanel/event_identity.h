// The four keys by which Mixpanel tells events apart.
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
  // From a text that has the meaning of `key`. InvalidArgument if it has not.
  absl::Status SetFromKey(std::string_view text);
  Hash128 fingerprint() const { return HashBytes(key); }
  // Days since 1970-01-01, UTC.
  int64_t day() const;
};

// Reads identities off events as we send them and as the raw export gives them back. One thread at
// a time; reuses its buffers.
class IdentityReader {
 public:
  IdentityReader();
  ~IdentityReader();

  // InvalidArgument if `json` is no event with a numeric time. What Mixpanel changes on its side is
  // undone: $distinct_id_before_identity and the originals of $hotshard_events win, times in
  // seconds become milliseconds, numeric ids become text, and without a distinct_id the event is of
  // $user_id, else of "$device:" + $device_id, else of "".
  absl::Status Read(std::string_view json, EventIdentity& identity);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_EVENT_IDENTITY_H_
