// Mixpanel's raw export: every event of some days, as NDJSON. Duplicates are not removed by
// Mixpanel.
#ifndef MILLRACE_CONNECTORS_MIXPANEL_RAW_EXPORT_H_
#define MILLRACE_CONNECTORS_MIXPANEL_RAW_EXPORT_H_

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/civil_time.h"
#include "connectors/mixpanel/credentials.h"
#include "net/http_client.h"

namespace millrace::mixpanel {

struct RawExportRequest {
  absl::CivilDay from;  // both inclusive, in the time zone of the project's export
  absl::CivilDay to;
  std::vector<std::string> events;  // names; empty: all
  std::string where = {};           // Mixpanel's expression; empty: all
  uint64_t limit = 0;               // events, at most 100,000; 0: all
  bool time_in_ms = false;          // the property "time" in milliseconds, not seconds
  // Also part of `where`: times of arrival [from, to), in milliseconds since 1970; 0: all.
  int64_t processed_from_millis = 0;
  int64_t processed_to_millis = 0;
};

// Calls `on_line` with each line (without '\n'; may be split over read boundaries, not here). Only
// the last line is checked to be JSON; the reader parses the others anyway. Unavailable: no
// response, 429, 5xx, "terminated early" in the body, or a truncated last line; the whole slice
// must then be read again. Unauthenticated/PermissionDenied for 401/402/403, InvalidArgument for
// 400 (dates in the future). A status of `on_line` ends the export with it.
absl::Status ExportRaw(HttpClient& http, const Endpoints& endpoints, const Credentials& credentials,
                       const std::string& project_id, const RawExportRequest& request,
                       const std::function<absl::Status(std::string_view)>& on_line,
                       std::stop_token stop);

// One try of one request, as ExportRaw() makes it.
using RawExport = std::function<absl::Status(
    const RawExportRequest& request, const std::function<absl::Status(std::string_view)>& on_line,
    std::stop_token stop)>;

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_RAW_EXPORT_H_
