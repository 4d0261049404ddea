#include "pipeline/concurrency_limiter.h"

#include <algorithm>

namespace millrace {

ConcurrencyLimiter::ConcurrencyLimiter(int initial_writes, int max_writes, size_t max_bytes,
                                       const std::atomic<int>* sharing_limiters)
    : initial_writes_(initial_writes),
      max_writes_(max_writes),
      max_bytes_(max_bytes),
      sharing_limiters_(sharing_limiters),
      allowed_(initial_writes),
      expected_(MostBytes() / static_cast<size_t>(initial_writes)) {}

std::optional<ConcurrencyLimiter::Permit> ConcurrencyLimiter::Enter() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(this, &ConcurrencyLimiter::MayEnter));
  if (closed_) return std::nullopt;
  ++in_flight_;
  bytes_ += expected_;
  return Permit(*this, expected_);
}

void ConcurrencyLimiter::Leave(size_t bytes) {
  absl::MutexLock lock(&mutex_);
  --in_flight_;
  bytes_ -= bytes;
}

void ConcurrencyLimiter::Permit::Holds(size_t bytes, size_t peak) {
  absl::MutexLock lock(&limiter_->mutex_);
  limiter_->bytes_ = limiter_->bytes_ - bytes_ + bytes;
  // The effect of one large chunk decays quickly.
  limiter_->expected_ = std::max(peak, limiter_->expected_ - limiter_->expected_ / 8);
  bytes_ = bytes;
}

bool ConcurrencyLimiter::Permit::TakeRoom() {
  absl::MutexLock lock(&limiter_->mutex_);
  if (!limiter_->HasRoom()) return false;
  limiter_->bytes_ += limiter_->expected_;
  bytes_ += limiter_->expected_;
  return true;
}

void ConcurrencyLimiter::Permit::AwaitTurn() {
  absl::MutexLock lock(&limiter_->mutex_);
  if (limiter_->in_flight_ - limiter_->awaiting_input_ <= limiter_->allowed_) return;
  --limiter_->in_flight_;
  limiter_->mutex_.Await(absl::Condition(limiter_, &ConcurrencyLimiter::MayGoOn));
  ++limiter_->in_flight_;
}

void ConcurrencyLimiter::Permit::SetAwaitsInput(bool waits) {
  absl::MutexLock lock(&limiter_->mutex_);
  limiter_->awaiting_input_ += waits ? 1 : -1;
}

bool ConcurrencyLimiter::AwaitRoomFor(int workers) {
  if (workers >= max_writes_) return false;
  absl::MutexLock lock(&mutex_);
  const auto opened = [this, workers]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return closed_ || allowed_ > workers;
  };
  mutex_.Await(absl::Condition(&opened));
  return !closed_;
}

void ConcurrencyLimiter::Wrote(absl::Duration begun, absl::Duration ended, bool throttled) {
  absl::MutexLock lock(&mutex_);
  if (throttled) {
    if (begun < halved_at_) return;
    allowed_ = std::max(1, allowed_ / 2);
    halved_at_ = ended;
    writes_in_round_ = 0;
    quickest_in_round_ = absl::InfiniteDuration();
    return;
  }
  quickest_in_round_ = std::min(quickest_in_round_, ended - begun);
  if (++writes_in_round_ >= allowed_) EndRound();
}

void ConcurrencyLimiter::EndRound() {
  const bool recovering = allowed_ < initial_writes_;
  if (allowed_ < max_writes_ && (recovering || quickest_in_round_ > kFar)) ++allowed_;
  writes_in_round_ = 0;
  quickest_in_round_ = absl::InfiniteDuration();
}

void ConcurrencyLimiter::Close() {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
}

}  // namespace millrace
