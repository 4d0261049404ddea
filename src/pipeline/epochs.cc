#include "pipeline/epochs.h"

#include <algorithm>

#include "pipeline/intents.h"
#include "pipeline/object_progress.h"

namespace millrace {

EpochShare::~EpochShare() {
  if (epochs_ != nullptr) epochs_->Drop(*this);
}

Epochs::Epochs(const CommitLimits& limits, size_t max_span_bytes, Clock& clock)
    : limits_(limits), max_span_bytes_(max_span_bytes), clock_(clock), epochs_(1) {}

EpochShare Epochs::Add(const std::shared_ptr<ObjectProgress>& object, uint64_t rows,
                       size_t span_bytes, size_t error_bytes) {
  absl::MutexLock lock(&mutex_);
  State& open = epochs_.back();
  bool is_new = open.objects.empty() || open.objects.back() != object;
  const size_t added = error_bytes + (is_new ? span_bytes : 0);
  const bool is_full = (is_new && open.objects.size() == kMaxIntentSpans) ||
                       open.span_bytes + added > max_span_bytes_;
  if (open.is_closed || (is_full && !open.objects.empty())) {
    open.is_closed = is_new = true;
    epochs_.emplace_back();
  }
  State& epoch = epochs_.back();
  if (epoch.objects.empty()) epoch.started = clock_.Elapsed();
  if (is_new) epoch.objects.push_back(object);
  epoch.span_bytes += error_bytes + (is_new ? span_bytes : 0);
  epoch.rows += rows;
  epoch.is_closed = epoch.rows >= limits_.rows;
  ++epoch.shares;
  return EpochShare(*this, last_number());
}

void Epochs::SetWaiting(bool waiting) {
  absl::MutexLock lock(&mutex_);
  if (waiting && !is_waiting_) waits_since_ = clock_.Elapsed();
  is_waiting_ = waiting;
}

void Epochs::AwaitTurn(const EpochShare& share) {
  absl::MutexLock lock(&mutex_);
  const auto may_continue = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return is_stopping_ || is_aborted_ || share.epoch_ == first_;
  };
  mutex_.Await(absl::Condition(&may_continue));
}

Epochs::Admission Epochs::Begin(EpochShare& share, const ObjectProgress& object) {
  const bool lost = object.lost();
  absl::MutexLock lock(&mutex_);
  if (lost || is_aborted_) return Admission::kDropped;
  if (share.epoch_ != first_) return is_stopping_ ? Admission::kDropped : Admission::kLater;
  share.is_begun_ = true;
  return Admission::kBegun;
}

void Epochs::AddBytes(size_t staged) {
  absl::MutexLock lock(&mutex_);
  epochs_.front().staged_bytes += staged;
  if (epochs_.front().staged_bytes >= limits_.bytes) epochs_.front().is_closed = true;
}

void Epochs::Complete(EpochShare& share) {
  absl::MutexLock lock(&mutex_);
  State& epoch = StateOf(share);
  --epoch.shares;
  epoch.completed = clock_.Elapsed();
  share.epochs_ = nullptr;
}

void Epochs::Drop(EpochShare& share) {
  absl::MutexLock lock(&mutex_);
  if (share.epoch_ < first_) return;  // it was not begun when the run ended
  State& epoch = StateOf(share);
  --epoch.shares;
  if (share.is_begun_) epoch.is_whole = false;
}

bool Epochs::IsDue() const {
  const State& first = epochs_.front();
  return has_ended_ || is_aborted_ || (first.is_closed && first.shares == 0);
}

// When the first epoch is closed unless something else closes it.
absl::Duration Epochs::CloseTime() const {
  const State& first = epochs_.front();
  if (first.is_closed || first.objects.empty()) return absl::InfiniteDuration();
  const absl::Duration aged = first.started + limits_.age;
  if (!is_waiting_ || first.shares > 0) return aged;
  return std::min(aged, std::max(waits_since_, first.completed) + limits_.linger);
}

std::optional<Epochs::Epoch> Epochs::AwaitCommit() {
  absl::MutexLock lock(&mutex_);
  while (!IsDue()) {
    sleeps_until_ = CloseTime();
    const absl::Duration wait = sleeps_until_ - clock_.Elapsed();
    if (wait <= absl::ZeroDuration()) {
      epochs_.front().is_closed = true;
    } else {
      mutex_.AwaitWithTimeout(absl::Condition(this, &Epochs::IsWoken), wait);
    }
  }
  State& first = epochs_.front();
  if (is_aborted_ || (has_ended_ && first.objects.empty())) return std::nullopt;
  first.is_closed = true;
  return Epoch{std::exchange(first.objects, {}), first.is_whole};
}

void Epochs::Next() {
  absl::MutexLock lock(&mutex_);
  if (epochs_.size() == 1) epochs_.emplace_back();
  epochs_.pop_front();
  ++first_;
}

void Epochs::Stop() {
  absl::MutexLock lock(&mutex_);
  is_stopping_ = true;
}

void Epochs::Abort() {
  absl::MutexLock lock(&mutex_);
  is_aborted_ = true;
}

void Epochs::End() {
  absl::MutexLock lock(&mutex_);
  has_ended_ = true;
}

}  // namespace millrace
