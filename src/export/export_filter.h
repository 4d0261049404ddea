// What of the data that Mixpanel exports is delivered.
#ifndef MILLRACE_EXPORT_EXPORT_FILTER_H_
#define MILLRACE_EXPORT_EXPORT_FILTER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "connectors/mixpanel/engage_query.h"
#include "connectors/mixpanel/raw_export.h"
#include "export/deleted_ids.h"

namespace millrace {

// `raw_export` without the events of deleted users, each with `properties` only (empty: all), as
// EventProperties keeps them. `deleted` and `left_out`, which counts, outlive the result.
mixpanel::RawExport FilterEvents(mixpanel::RawExport raw_export,
                                 std::vector<std::string> properties, const DeletedIds& deleted,
                                 std::atomic<uint64_t>& left_out);

// `pages` without the profiles of deleted users, nor their memberships of cohorts.
std::unique_ptr<mixpanel::ProfilePages> FilterProfiles(
    std::unique_ptr<mixpanel::ProfilePages> pages, const DeletedIds& deleted,
    std::atomic<uint64_t>& left_out);

}  // namespace millrace

#endif  // MILLRACE_EXPORT_EXPORT_FILTER_H_
