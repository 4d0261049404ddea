#include "connectors/mixpanel/query_pacer.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/log.h"

namespace millrace {
namespace {
constexpr size_t kMostPerSecond = 3;
}

absl::Status QueryPacer::WaitForTurn(std::stop_token stop) {
  if (most_per_hour_ == 0) return absl::OkStatus();
  const auto wait_after = [&](size_t most, absl::Duration window) {
    if (sent_.size() < most) return absl::ZeroDuration();
    return sent_[sent_.size() - most] + window - clock_.Elapsed();
  };
  const absl::Duration wait = std::max(wait_after(most_per_hour_, absl::Hours(1)),
                                       wait_after(kMostPerSecond, absl::Seconds(1)));
  if (wait > absl::Seconds(5)) {
    Log(Severity::kInfo, "waiting for Mixpanel's limit of export queries",
        {{"seconds", absl::ToInt64Seconds(wait)},
         {"queries_per_hour", static_cast<uint64_t>(most_per_hour_)}});
  }
  if (wait > absl::ZeroDuration() && !clock_.SleepFor(wait, std::move(stop))) {
    return absl::CancelledError("waiting for the export was stopped");
  }
  sent_.push_back(clock_.Elapsed());
  if (sent_.size() > std::max(most_per_hour_, kMostPerSecond)) sent_.pop_front();
  return absl::OkStatus();
}

}  // namespace millrace
