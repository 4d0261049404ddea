#include "cli/delivery_flags.h"

#include <algorithm>
#include <optional>

#include "base/status.h"
#include "base/strings.h"
#include "io/gzip_encoder.h"

namespace millrace::cli {
namespace {

absl::StatusOr<std::optional<GzipEffort>> ParseCompression(std::string_view name) {
  if (name == "auto" || name == "fast") return GzipEffort::kFast;
  if (name == "small") return GzipEffort::kSmall;
  if (name == "none") return std::nullopt;
  return absl::InvalidArgumentError(
      StrCat("--compression must be auto, fast, small or none, not '", name, "'"));
}

}  // namespace

void DeliveryFlags::AddTo(std::vector<Flag>& flags) {
  const std::vector<Flag> own = {
      {"--connections", &connections, "N",
       "writes in flight at most; fewer are used while Mixpanel is near"},
      {"--events-per-second", &events_per_second, "N",
       "stay below this rate, Mixpanel's quota by default; 0 for no limit"},
      {"--gigabytes-per-minute", &gigabytes_per_minute, "N",
       "stay below this rate of uncompressed JSON; 0 for no limit"},
      {"--batch-events", &batch_events, "N", "events per request at most (2000)"},
      {"--batch-bytes", &batch_bytes, "N", "uncompressed bytes per request at most"},
      {"--compression", &compression, "auto|fast|small|none",
       "of request bodies: fast, or small where the network is dearer than the processor; auto is "
       "fast, but none while a run without rate limits finds that its destination takes plain "
       "bodies sooner"},
      {"--memory", &memory_mb, "MB", "memory for rows in flight"},
      {"--retry-initial", &retry_initial, "TIME",
       "wait before the first retry; doubles up to --retry-max, with jitter"},
      {"--retry-max", &retry_most, "TIME", "longest wait between two tries"},
      {"--retry-for", &retry_for, "TIME", "stop the run when nothing has succeeded for so long"},
      {"--stop-grace", &stop_grace, "TIME",
       "after Ctrl-C, how long requests under way may go on before they are given up"},
      {"--lease", &lease, "TIME",
       "objects of a worker that is not heard of for so long are taken over by others"},
  };
  flags.insert(flags.end(), own.begin(), own.end());
}

absl::Status DeliveryFlags::Check() const {
  const auto at_least = [](std::string_view flag, double value, double least) {
    return value >= least ? absl::OkStatus()
                          : absl::InvalidArgumentError(StrCat(flag, " must be at least ", least));
  };
  for (const absl::Status& status :
       {at_least("--connections", static_cast<double>(connections), 1),
        at_least("--batch-events", static_cast<double>(batch_events), 1),
        at_least("--batch-bytes", static_cast<double>(batch_bytes), 1000),
        at_least("--memory", static_cast<double>(memory_mb), 1),
        at_least("--lease in seconds", absl::ToDoubleSeconds(lease), 2),
        at_least("--events-per-second", events_per_second, 0),
        at_least("--gigabytes-per-minute", gigabytes_per_minute, 0)}) {
    if (!status.ok()) return status;
  }
  if (connections > 100 || batch_events > 2000 || batch_bytes > 10'000'000) {
    return absl::InvalidArgumentError(
        "Mixpanel takes 2000 events and 10 MB per request, and 100 connections at most: lower "
        "--batch-events, --batch-bytes or --connections");
  }
  return absl::OkStatus();
}

absl::Status DeliveryFlags::ApplyTo(ImportRequest& request) const {
  RETURN_IF_ERROR(Check());
  ASSIGN_OR_RETURN(request.gzip, ParseCompression(compression));
  request.adapt_compression = compression == "auto";
  request.stop_grace = stop_grace;
  request.events_per_second = events_per_second;
  request.bytes_per_second = gigabytes_per_minute * 1e9 / 60;
  request.most_events_per_request = static_cast<size_t>(batch_events);
  request.most_bytes_per_request = static_cast<size_t>(batch_bytes);
  request.run.most_writes = static_cast<int>(connections);
  request.run.initial_writes = std::min(request.run.initial_writes, request.run.most_writes);
  request.run.most_bytes = static_cast<size_t>(memory_mb) << 20;
  request.run.lease = lease;
  request.run.retry = {.initial = retry_initial,
                       .most = retry_most,
                       .least_jitter = retry_initial / 2,
                       .most_jitter = retry_initial * 2.5,
                       .give_up_after = retry_for};
  // Stores are asked again sooner, and no later than that.
  RetryPolicy& stores = request.stores.retry;
  stores.initial = std::min(stores.initial, retry_initial);
  stores.most = std::min(stores.most, retry_most);
  stores.most_jitter = std::min(stores.most_jitter, retry_initial);
  stores.give_up_after = retry_for;
  return absl::OkStatus();
}

}  // namespace millrace::cli
