#include "sandbox/adjustable_clock.h"

namespace millrace::sandbox {

absl::Time AdjustableClock::NowLocked() {
  return stopped_at_ ? *stopped_at_ : real_.Now() + ahead_;
}

absl::Time AdjustableClock::Now() {
  absl::MutexLock lock(&mutex_);
  return NowLocked();
}

void AdjustableClock::Set(absl::Time now) {
  absl::MutexLock lock(&mutex_);
  ahead_ = now - real_.Now();
  if (stopped_at_) stopped_at_ = now;
}

void AdjustableClock::SetStopped(bool stopped) {
  absl::MutexLock lock(&mutex_);
  const absl::Time now = NowLocked();
  ahead_ = now - real_.Now();
  stopped_at_.reset();
  if (stopped) stopped_at_ = now;
}

bool AdjustableClock::is_stopped() const {
  absl::MutexLock lock(&mutex_);
  return stopped_at_.has_value();
}

void AdjustableClock::Reset() {
  absl::MutexLock lock(&mutex_);
  ahead_ = absl::ZeroDuration();
  stopped_at_.reset();
}

}  // namespace millrace::sandbox
