// The events that the proxy maps when they arrive, so that no delivery has to
// (docs/adr/0051-usual-events-are-mapped-when-they-arrive.md).
#ifndef MILLRACE_PROXY_USUAL_EVENT_H_
#define MILLRACE_PROXY_USUAL_EVENT_H_

#include <cstdint>

#include "proxy/record_scan.h"

namespace millrace::proxy {

// Whether mapping (MixpanelEventMapper) would make of `event` what the proxy writes of it, within
// RecordRules::Mixpanel(): its name and properties, without nulls, with a $insert_id and with the
// time in milliseconds. `event` has a name and properties. `unix_micros`: its time, or when it
// arrived if it has none; `now_millis`: when it arrived.
bool IsUsualEvent(const RecordScan& event, int64_t unix_micros, int64_t now_millis);

}  // namespace millrace::proxy

#endif  // MILLRACE_PROXY_USUAL_EVENT_H_
