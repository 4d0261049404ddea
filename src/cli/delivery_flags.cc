#include "cli/delivery_flags.h"

#include <algorithm>
#include <optional>

#include "base/status.h"
#include "base/strings.h"
#include "cli/shared_flags.h"
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
  throughput.AddTo(flags);
  staging.AddTo(flags);
  const std::vector<Flag> own = {
      {"--compression", &compression, "auto|fast|small|none",
       "compression of request bodies: fast; small, if the network costs more than CPU time; none; "
       "or auto: fast, but none while a run without rate limits measures that uncompressed bodies "
       "arrive sooner"},
      {"--retry-initial", Between(&retry_initial, absl::Milliseconds(1), absl::Hours(1)), "TIME",
       "wait before the first retry; doubles up to --retry-max, with jitter"},
      {"--retry-max", Between(&retry_max, absl::Milliseconds(10), absl::Hours(1)), "TIME",
       "longest wait between two attempts"},
      RetryTimeoutFlag(&retry_timeout),
      {"--stop-grace", Between(&stop_grace, absl::ZeroDuration(), absl::Hours(1)), "TIME",
       "after Ctrl-C, how long requests in flight may take before they are canceled"},
      {"--lease", Between(&lease, absl::Seconds(2), absl::Hours(24)), "TIME",
       "how long before another worker may take over the objects of a silent worker"},
  };
  flags.insert(flags.end(), own.begin(), own.end());
}

absl::Status DeliveryFlags::ApplyTo(ImportRequest& request) const {
  throughput.ApplyTo(request);
  RETURN_IF_ERROR(staging.ApplyTo(request.run));
  request.run.lease = lease;
  request.run.retry = {.initial = retry_initial,
                       .max = retry_max,
                       .min_jitter = retry_initial / 2,
                       .max_jitter = retry_initial * 2.5,
                       .give_up_after = retry_timeout};
  // Stores are retried sooner, and with no longer waits.
  RetryPolicy& stores = request.stores.retry;
  stores.initial = std::min(stores.initial, retry_initial);
  stores.max = std::min(stores.max, retry_max);
  stores.max_jitter = std::min(stores.max_jitter, retry_initial);
  stores.give_up_after = retry_timeout;
  return absl::OkStatus();
}

absl::Status DeliveryFlags::ApplyTo(mixpanel::DestinationOptions& options) const {
  throughput.ApplyTo(options);
  ASSIGN_OR_RETURN(options.gzip, ParseCompression(compression));
  options.adapt_compression = compression == "auto";
  options.stop_grace = stop_grace;
  return absl::OkStatus();
}

}  // namespace millrace::cli
