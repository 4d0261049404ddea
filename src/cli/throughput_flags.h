// Rates, batch sizes and memory: import and watch apply them, plan estimates with them.
#ifndef MILLRACE_CLI_THROUGHPUT_FLAGS_H_
#define MILLRACE_CLI_THROUGHPUT_FLAGS_H_

#include <cstdint>
#include <vector>

#include "cli/command.h"
#include "connectors/mixpanel/mixpanel_destination.h"
#include "import/import.h"

namespace millrace::cli {

// --connections, --events-per-second, --gigabytes-per-minute, --batch-events, --batch-bytes,
// --memory.
struct ThroughputFlags {
  int64_t connections = 20;
  double events_per_second = 30'000;
  double gigabytes_per_minute = 2;
  int64_t batch_events = 2000;
  int64_t batch_bytes = 9'600'000;
  int64_t memory_mb = 64;

  void AddTo(std::vector<Flag>& flags);
  // Applies the flags.
  void ApplyTo(ImportRequest& request) const;
  void ApplyTo(mixpanel::DestinationOptions& options) const;
};

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_THROUGHPUT_FLAGS_H_
