// The shared time rule (docs/sources-json.md, "Time"): any source value to milliseconds since the
// epoch.
#ifndef MILLRACE_MAPPING_TIME_VALUE_H_
#define MILLRACE_MAPPING_TIME_VALUE_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/byte_buffer.h"
#include "formats/time_text.h"
#include "formats/value.h"

namespace millrace {

// Integers, floats and numeric text by magnitude: seconds below 1e11, milliseconds below 1e14,
// microseconds below 1e17, else nanoseconds; finer than a millisecond is rounded down. Timestamps
// by their unit; those without a zone are in `zone`. Text: ISO 8601 / RFC 3339 with or without
// zone, "YYYY-MM-DD[ HH:MM:SS[.f]]". InvalidArgument, quoting the value, for everything else
// ("04/05/2024": day and month are not guessed). Mixpanel's range is not checked here. With a
// `format`, numbers and text must consist of the digits of that format.
absl::StatusOr<int64_t> ToUnixMillis(const Value& value, absl::TimeZone zone,
                                     CompactTime format = CompactTime::kNone);

// Mixpanel reads numbers below 1e11 as seconds, so times before 1973-03-03T09:46:40Z cannot be sent
// in milliseconds.
inline bool IsSentInSeconds(int64_t unix_millis) {
  constexpr int64_t kMillisFrom = 100'000'000'000;
  return unix_millis < kMillisFrom && unix_millis > -kMillisFrom;
}

// Appends the number that Mixpanel and ToUnixMillis() read as `unix_millis`: milliseconds, or whole
// seconds, rounded down, if IsSentInSeconds().
void AppendSentTime(ByteBuffer& out, int64_t unix_millis);

// The range of a record, whose time is read by its magnitude as ToUnixMillis() does: milliseconds
// below 1e14, so the years -1198 to 5138. InvalidArgument outside of it.
absl::Status CheckRecordTime(int64_t unix_millis);

// Mixpanel's range: from 1971-01-01 to one hour after `now`. InvalidArgument says which end.
absl::Status CheckEventTime(int64_t unix_millis, absl::Time now);

}  // namespace millrace

#endif  // MILLRACE_MAPPING_TIME_VALUE_H_
