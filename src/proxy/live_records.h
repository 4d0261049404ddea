// The records that arrive, for the page of the admin listener. They are read from the log when the
// page asks, so that they cost nothing while nobody looks.
#ifndef MILLRACE_PROXY_LIVE_RECORDS_H_
#define MILLRACE_PROXY_LIVE_RECORDS_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "record_log/record_log.h"

namespace millrace::proxy {

struct LiveRecordsLimits {
  size_t max_records = 100;
  size_t max_bytes = 256 << 10;        // read at a time
  size_t max_record_bytes = 32 << 10;  // shown of each
  uint64_t max_first_bytes = 1 << 20;  // a segment that is longer is not read from its begin
};

// {"cursor": text, "skipped": bool, "records": [{"type", "received_ms", "json"}]}: the first
// records after the cursor of an earlier answer, oldest first; the next cursor is behind all there
// is now. `skipped`: there were more. An empty cursor, or one that means nothing, is that of the
// begin of the last segment, or of now if that is long.
std::string LiveRecords(const RecordLog& log, std::string_view cursor,
                        const LiveRecordsLimits& limits = {});

}  // namespace millrace::proxy

#endif  // MILLRACE_PROXY_LIVE_RECORDS_H_
