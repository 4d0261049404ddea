// Mixpanel's documented limits. Sizes are counted after decompression.
#ifndef MILLRACE_SANDBOX_LIMITS_H_
#define MILLRACE_SANDBOX_LIMITS_H_

#include <cstddef>
#include <cstdint>

namespace millrace::sandbox {

inline constexpr size_t kMaxBodyBytes = 10 << 20;
inline constexpr size_t kOldMostBodyBytes = 2 << 20;  // older documents, and the 413 sample text
inline constexpr size_t kMaxRecords = 2000;           // per request
inline constexpr size_t kEventBytesBound = 1 << 20;   // an event, or an update, has fewer
inline constexpr int kMaxEventDepth = 200;       // for our own stack; Mixpanel documents no limit
inline constexpr size_t kPropertiesBound = 255;  // an event has fewer
inline constexpr size_t kMaxInsertIdBytes = 36;
inline constexpr int64_t kEarliestTimeMs = 31'536'000'000;  // 1971-01-01
inline constexpr int64_t kMaxAheadMs = 3'600'000;
inline constexpr int64_t kTrackWindowMs = 5 * 86'400'000LL;  // /track drops older events
inline constexpr size_t kGzipFromBytes = 1400;               // export bodies above it
inline constexpr size_t kMaxExportEvents = 100'000;          // the largest `limit`
inline constexpr size_t kMaxRunningQueries = 5;
inline constexpr size_t kMaxRunningExports = 100;
inline constexpr size_t kEngagePageSize = 1000;
inline constexpr size_t kMaxEngagePageSize = 100'000;

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_LIMITS_H_
