#include "cli/pace_flags.h"

#include <algorithm>

#include "base/status.h"
#include "cli/shared_flags.h"

namespace millrace::cli {

void PaceFlags::AddTo(std::vector<Flag>& flags) {
  const std::vector<Flag> own = {
      {"--connections", &connections, "N",
       "writes in flight at most; fewer are used while Mixpanel is near"},
      {"--events-per-second", &events_per_second, "N",
       "stay below this rate, Mixpanel's quota by default; 0 for no limit"},
      {"--gigabytes-per-minute", &gigabytes_per_minute, "N",
       "stay below this rate of uncompressed JSON; 0 for no limit"},
      {"--batch-events", &batch_events, "N", "events per request at most (2000)"},
      {"--batch-bytes", &batch_bytes, "N", "uncompressed bytes per request at most"},
      {"--memory", &memory_mb, "MB", "memory for rows in flight"},
  };
  flags.insert(flags.end(), own.begin(), own.end());
}

absl::Status PaceFlags::Check() const {
  RETURN_IF_ERROR(AtLeast("--connections", static_cast<double>(connections), 1));
  RETURN_IF_ERROR(AtLeast("--batch-events", static_cast<double>(batch_events), 1));
  RETURN_IF_ERROR(AtLeast("--batch-bytes", static_cast<double>(batch_bytes), 1000));
  RETURN_IF_ERROR(AtLeast("--memory", static_cast<double>(memory_mb), 1));
  RETURN_IF_ERROR(AtLeast("--events-per-second", events_per_second, 0));
  RETURN_IF_ERROR(AtLeast("--gigabytes-per-minute", gigabytes_per_minute, 0));
  if (connections > 100 || batch_events > 2000 || batch_bytes > 10'000'000) {
    return absl::InvalidArgumentError(
        "Mixpanel takes 2000 events and 10 MB per request, and 100 connections at most: lower "
        "--batch-events, --batch-bytes or --connections");
  }
  return absl::OkStatus();
}

absl::Status PaceFlags::ApplyTo(ImportRequest& request) const {
  RETURN_IF_ERROR(Check());
  request.events_per_second = events_per_second;
  request.bytes_per_second = gigabytes_per_minute * 1e9 / 60;
  request.most_events_per_request = static_cast<size_t>(batch_events);
  request.most_bytes_per_request = static_cast<size_t>(batch_bytes);
  request.run.most_writes = static_cast<int>(connections);
  request.run.initial_writes = std::min(request.run.initial_writes, request.run.most_writes);
  request.run.most_bytes = static_cast<size_t>(memory_mb) << 20;
  return absl::OkStatus();
}

}  // namespace millrace::cli
