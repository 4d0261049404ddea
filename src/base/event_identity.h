// What identifies an event at a destination: its name, distinct_id, time and $insert_id. Mixpanel
// deduplicates by these four.
#ifndef MILLRACE_BASE_EVENT_IDENTITY_H_
#define MILLRACE_BASE_EVENT_IDENTITY_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "base/hash.h"

namespace millrace {

struct EventIdentity {
  std::string event;
  int64_t unix_millis = 0;
  // The four keys as compact JSON: ["event","distinct_id",milliseconds,"$insert_id"].
  std::string key;

  void Set(std::string_view name, std::string_view distinct_id, int64_t millis,
           std::string_view insert_id);
  // Parses a text in the form of `key`. InvalidArgument if it is not one.
  absl::Status SetFromKey(std::string_view text);
  Hash128 fingerprint() const { return HashBytes(key); }
  // Days since 1970-01-01, UTC.
  int64_t day() const;
};

// The distinct_id that Mixpanel gives an event: its own, else the user's, else that of the device.
std::string ResolveDistinctId(std::string_view distinct_id, std::string_view user_id,
                              std::string_view device_id);

}  // namespace millrace

#endif  // MILLRACE_BASE_EVENT_IDENTITY_H_
