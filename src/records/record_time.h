// Times in records.
#ifndef MILLRACE_RECORDS_RECORD_TIME_H_
#define MILLRACE_RECORDS_RECORD_TIME_H_

#include <cstdint>
#include <optional>

#include "formats/value.h"

namespace millrace {

// Microseconds since 1970. Numbers and numeric text by magnitude, as when files are mapped: seconds
// below 1e11, milliseconds below 1e14, microseconds below 1e17, else nanoseconds, rounded down.
// Seconds and milliseconds with a fraction are rounded to the nearest microsecond. Other text: ISO
// 8601, in UTC if it names no zone. Nullopt for everything else.
std::optional<int64_t> UnixMicros(const Value& value);

// Rounded down.
int64_t MillisOfMicros(int64_t micros);

}  // namespace millrace

#endif  // MILLRACE_RECORDS_RECORD_TIME_H_
