#include "cli/throughput_flags.h"

#include <algorithm>

namespace millrace::cli {

void ThroughputFlags::AddTo(std::vector<Flag>& flags) {
  const std::vector<Flag> own = {
      {"--connections", Between(&connections, 1, 100), "N",
       "maximum number of writes in flight; fewer are used while Mixpanel responds quickly"},
      {"--events-per-second", Between(&events_per_second, 0, 1e9), "N",
       "maximum rate, by default Mixpanel's quota; 0 for no limit"},
      {"--gigabytes-per-minute", Between(&gigabytes_per_minute, 0, 1e6), "N",
       "maximum rate of uncompressed JSON; 0 for no limit"},
      {"--batch-events", Between(&batch_events, 1, 2000), "N",
       "maximum number of events per request"},
      {"--batch-bytes", Between(&batch_bytes, 1000, 10'000'000), "N",
       "maximum uncompressed bytes per request"},
      {"--memory", Between(&memory_mb, 1, 1 << 20), "MB", "memory for rows in flight"},
  };
  flags.insert(flags.end(), own.begin(), own.end());
}

void ThroughputFlags::ApplyTo(ImportRequest& request) const {
  request.run.max_writes = static_cast<int>(connections);
  request.run.initial_writes = std::min(request.run.initial_writes, request.run.max_writes);
  request.run.max_bytes = static_cast<size_t>(memory_mb) << 20;
}

void ThroughputFlags::ApplyTo(mixpanel::DestinationOptions& options) const {
  options.events_per_second = events_per_second;
  options.bytes_per_second = gigabytes_per_minute * 1e9 / 60;
  options.batch_events = static_cast<size_t>(batch_events);
  options.batch_bytes = static_cast<size_t>(batch_bytes);
}

}  // namespace millrace::cli
