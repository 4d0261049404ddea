#include "pipeline/write_gate.h"

#include <algorithm>

namespace millrace {

WriteGate::WriteGate(int initial_writes, int max_writes, size_t max_bytes,
                     const std::atomic<int>* gates)
    : initial_writes_(initial_writes),
      max_writes_(max_writes),
      max_bytes_(max_bytes),
      gates_(gates),
      allowed_(initial_writes),
      expected_(MostBytes() / static_cast<size_t>(initial_writes)) {}

std::optional<WriteGate::Pass> WriteGate::Enter() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(this, &WriteGate::MayEnter));
  if (closed_) return std::nullopt;
  ++in_flight_;
  bytes_ += expected_;
  return Pass(*this, expected_);
}

void WriteGate::Leave(size_t bytes) {
  absl::MutexLock lock(&mutex_);
  --in_flight_;
  bytes_ -= bytes;
}

void WriteGate::Pass::Holds(size_t bytes, size_t peak) {
  absl::MutexLock lock(&gate_->mutex_);
  gate_->bytes_ = gate_->bytes_ - bytes_ + bytes;
  // One large chunk is soon forgotten.
  gate_->expected_ = std::max(peak, gate_->expected_ - gate_->expected_ / 8);
  bytes_ = bytes;
}

bool WriteGate::Pass::TakeRoom() {
  absl::MutexLock lock(&gate_->mutex_);
  if (!gate_->HasRoom()) return false;
  gate_->bytes_ += gate_->expected_;
  bytes_ += gate_->expected_;
  return true;
}

void WriteGate::Pass::AwaitTurn() {
  absl::MutexLock lock(&gate_->mutex_);
  if (gate_->in_flight_ - gate_->awaiting_input_ <= gate_->allowed_) return;
  --gate_->in_flight_;
  gate_->mutex_.Await(absl::Condition(gate_, &WriteGate::MayGoOn));
  ++gate_->in_flight_;
}

void WriteGate::Pass::SetAwaitsInput(bool waits) {
  absl::MutexLock lock(&gate_->mutex_);
  gate_->awaiting_input_ += waits ? 1 : -1;
}

bool WriteGate::AwaitRoomFor(int workers) {
  if (workers >= max_writes_) return false;
  absl::MutexLock lock(&mutex_);
  const auto opened = [this, workers]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return closed_ || allowed_ > workers;
  };
  mutex_.Await(absl::Condition(&opened));
  return !closed_;
}

void WriteGate::Wrote(absl::Duration begun, absl::Duration ended, bool throttled) {
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

void WriteGate::EndRound() {
  const bool recovering = allowed_ < initial_writes_;
  if (allowed_ < max_writes_ && (recovering || quickest_in_round_ > kFar)) ++allowed_;
  writes_in_round_ = 0;
  quickest_in_round_ = absl::InfiniteDuration();
}

void WriteGate::Close() {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
}

}  // namespace millrace
