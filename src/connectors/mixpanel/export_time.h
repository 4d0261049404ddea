// The times of exported events: old projects export local time as if it were UTC.
#ifndef MILLRACE_CONNECTORS_MIXPANEL_EXPORT_TIME_H_
#define MILLRACE_CONNECTORS_MIXPANEL_EXPORT_TIME_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace millrace::mixpanel {

// When an event happened whose local time in `zone` is written as the Unix time `local_millis`. An
// hour that a clock shows twice is the second one, unless that is after `processed_millis`, when
// Mixpanel received the event. A time that a clock skips is moved forward by the gap.
int64_t UtcMillis(int64_t local_millis, absl::TimeZone zone,
                  std::optional<int64_t> processed_millis);

// Reads the times of events. One thread at a time; reuses its buffers.
class ExportTimes {
 public:
  ExportTimes();
  ~ExportTimes();

  struct Times {
    int64_t unix_millis = 0;                  // as it is written
    std::optional<int64_t> processed_millis;  // mp_processing_time_ms
    bool is_imported = false;                 // $import: it may be of any time
    size_t begin = 0, end = 0;                // of the number in the text
  };
  // InvalidArgument if `json` is not an event with a numeric time in milliseconds.
  absl::StatusOr<Times> Read(std::string_view json);

  // The event with its true time. The result is valid until the next call.
  absl::StatusOr<std::string_view> ToUtc(std::string_view json, absl::TimeZone zone);

 private:
  struct Parts;
  const std::unique_ptr<Parts> parts_;
};

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_EXPORT_TIME_H_
