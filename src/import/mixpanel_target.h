// The Mixpanel project that an import, a repair or a replay writes to.
#ifndef MILLRACE_IMPORT_MIXPANEL_TARGET_H_
#define MILLRACE_IMPORT_MIXPANEL_TARGET_H_

#include "connectors/mixpanel/mixpanel_sink.h"
#include "import/import.h"

namespace millrace {

// Fills `target` from `request` for records of `type`, and keeps its counters. `pacer` outlives it.
void SetTarget(const ImportRequest& request, RecordType type, mixpanel::RateLimiter& rate_limiter,
               mixpanel::ImportTarget& target);

// Makes sinks that write to `target`, which outlives them.
SinkFactory MixpanelSinks(mixpanel::ImportTarget& target);

}  // namespace millrace

#endif  // MILLRACE_IMPORT_MIXPANEL_TARGET_H_
