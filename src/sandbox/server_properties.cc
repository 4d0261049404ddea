#include "sandbox/server_properties.h"

namespace millrace::sandbox {

void ForEachServerProperty(
    const StoredEvent& event,
    absl::FunctionRef<void(std::string_view name, const ServerProperty&)> visit) {
  const Splices& splices = event.splices;
  if (!splices.has_processing_time) visit("mp_processing_time_ms", event.received_ms);
  if (event.endpoint == Endpoint::kImport && !splices.has_import) visit("$import", true);
  if (!splices.has_api_endpoint) {
    visit("$mp_api_endpoint", std::string_view("api.mixpanel.com"));
  }
  if (!splices.has_api_timestamp) visit("$mp_api_timestamp_ms", event.received_ms);
}

int64_t ToExportedSeconds(int64_t exported_ms) {
  return (exported_ms - (exported_ms % 1000 + 1000) % 1000) / 1000;
}

}  // namespace millrace::sandbox
