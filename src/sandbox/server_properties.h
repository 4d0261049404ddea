// The properties that Mixpanel adds to an event when it arrives, and how exports write its time.
#ifndef MILLRACE_SANDBOX_SERVER_PROPERTIES_H_
#define MILLRACE_SANDBOX_SERVER_PROPERTIES_H_

#include <cstdint>
#include <string_view>
#include <variant>

#include "absl/functional/function_ref.h"
#include "sandbox/event_store.h"

namespace millrace::sandbox {

using ServerProperty = std::variant<int64_t, bool, std::string_view>;

// mp_processing_time_ms, $import (only of /import), $mp_api_endpoint and $mp_api_timestamp_ms, in
// this order, except those that the event already had.
void ForEachServerProperty(
    const StoredEvent& event,
    absl::FunctionRef<void(std::string_view name, const ServerProperty&)> visit);

// The second that has begun, also before 1970.
int64_t ToExportedSeconds(int64_t exported_ms);

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_SERVER_PROPERTIES_H_
