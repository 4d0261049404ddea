#include "connectors/mixpanel/compression_choice.h"

#include <algorithm>

namespace millrace::mixpanel {

bool CompressionChoice::Compress() {
  absl::MutexLock lock(&mutex_);
  if (!near_) return true;
  // A round begins with its trial.
  const bool trial = requests_in_round_ < kTrial;
  if (++requests_in_round_ == kRound) requests_in_round_ = 0;
  return trial ? !compress_ : compress_;
}

void CompressionChoice::Took(bool compressed, size_t bytes, absl::Duration elapsed) {
  if (bytes < kMinBytes) return;
  absl::MutexLock lock(&mutex_);
  quickest_ = std::min(quickest_, elapsed);
  if (++answers_ == kTrial) {
    near_ = quickest_ < kNear;
    answers_ = 0;
    quickest_ = absl::InfiniteDuration();
  }
  Cost& cost = costs_[compressed ? 1 : 0];
  cost.requests = std::min(cost.requests + 1, 2 * kTrial);
  const double seconds_per_byte = absl::ToDoubleSeconds(elapsed) / static_cast<double>(bytes);
  cost.seconds_per_byte += (seconds_per_byte - cost.seconds_per_byte) / cost.requests;
  if (costs_[0].requests < kTrial || costs_[1].requests < kTrial) return;
  compress_ = costs_[0].seconds_per_byte * kWorthwhile > costs_[1].seconds_per_byte;
}

}  // namespace millrace::mixpanel
