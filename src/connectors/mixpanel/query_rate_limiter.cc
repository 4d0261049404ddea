#include "connectors/mixpanel/query_rate_limiter.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/log.h"

namespace millrace::mixpanel {
namespace {
constexpr size_t kMaxPerSecond = 3;
}

absl::Status QueryRateLimiter::WaitForTurn(std::stop_token stop) {
  if (max_per_hour_ == 0) return absl::OkStatus();
  const auto wait_after = [&](size_t max, absl::Duration window) {
    if (sent_.size() < max) return absl::ZeroDuration();
    return sent_[sent_.size() - max] + window - clock_.Elapsed();
  };
  const absl::Duration wait = std::max(wait_after(max_per_hour_, absl::Hours(1)),
                                       wait_after(kMaxPerSecond, absl::Seconds(1)));
  if (wait > absl::Seconds(5)) {
    Log(Severity::kInfo, "waiting for Mixpanel's limit of export queries",
        {{"seconds", absl::ToInt64Seconds(wait)},
         {"queries_per_hour", static_cast<uint64_t>(max_per_hour_)}});
  }
  if (wait > absl::ZeroDuration() && !clock_.SleepFor(wait, std::move(stop))) {
    return absl::CancelledError("waiting for the export was stopped");
  }
  sent_.push_back(clock_.Elapsed());
  if (sent_.size() > std::max(max_per_hour_, kMaxPerSecond)) sent_.pop_front();
  return absl::OkStatus();
}

}  // namespace millrace::mixpanel
