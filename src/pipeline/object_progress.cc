#include "pipeline/object_progress.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/strings.h"

namespace millrace {

ObjectProgress::ObjectProgress(const LedgerEntry& claimed, const StoreSchedule& schedule,
                               absl::Duration claimed_at)
    : key_(claimed.key),
      writer_(StrCat(claimed.owner, "/", claimed.revision)),
      schedule_(schedule),
      settled_(claimed),
      next_row_(claimed.position.row),
      stored_at_(claimed_at),
      store_begun_(claimed_at) {
  settled_.last_error.clear();
}

uint64_t ObjectProgress::next_row() const {
  absl::MutexLock lock(&mutex_);
  return next_row_;
}

uint64_t ObjectProgress::Begin(const Chunk& chunk) {
  absl::MutexLock lock(&mutex_);
  Pending& pending = pending_.emplace_back();
  pending.after = chunk.after;
  pending.error = chunk.error;
  pending.last = chunk.last;
  next_row_ += chunk.rows;
  rows_begun_ += chunk.rows;
  return first_pending_ + pending_.size() - 1;
}

void ObjectProgress::Complete(uint64_t number, const Counts& counts) {
  absl::MutexLock lock(&mutex_);
  Pending& ended = pending_[number - first_pending_];
  ended.counts = counts;
  ended.ended = true;
  while (!pending_.empty() && pending_.front().ended) {
    const Pending& lowest = pending_.front();
    settled_.position = lowest.after;
    settled_.counts += lowest.counts;
    unstored_ += lowest.counts;
    changed_ = true;
    if (lowest.last) {
      finished_ = true;
      settled_.last_error = std::string(ToStd(lowest.error.message()));
      if (lowest.error.ok()) settled_.state = LedgerState::kDone;
    }
    pending_.pop_front();
    ++first_pending_;
  }
}

ObjectProgress::Step ObjectProgress::MakeStep() {
  storing_ = true;
  changed_ = false;
  settled_.maybe_sent = settled_.maybe_sent || sent_;
  Step step;
  step.entry = settled_;
  step.added = unstored_;
  step.finished = finished_;
  unstored_ = Counts();
  return step;
}

absl::Duration ObjectProgress::Due() const {
  const bool over = finished_ && !changed_;
  if (storing_ || lost_ || over) return absl::InfiniteDuration();
  if (finished_) return stored_at_;
  if (!changed_) return stored_at_ + schedule_.renewal;
  // A single slow store does not count.
  const absl::Duration cost = std::min(costs_[0], costs_[1]);
  const absl::Duration wait = std::max(
      schedule_.interval, std::min(StoreSchedule::kCostShare * cost, StoreSchedule::kMaxWait));
  return stored_at_ + std::min(wait, schedule_.renewal);
}

absl::Duration ObjectProgress::NextStore() const {
  absl::MutexLock lock(&mutex_);
  return Due();
}

std::optional<ObjectProgress::Step> ObjectProgress::StartStore(absl::Duration now) {
  absl::MutexLock lock(&mutex_);
  if (Due() > now) return std::nullopt;
  store_begun_ = now;
  return MakeStep();
}

ObjectProgress::Step ObjectProgress::StartLastStore(const std::string& last_error) {
  absl::MutexLock lock(&mutex_);
  if (!finished_) settled_.last_error = last_error;
  return MakeStep();
}

void ObjectProgress::EndStore(const Step& step, const absl::Status& status, absl::Duration now) {
  absl::MutexLock lock(&mutex_);
  storing_ = false;
  costs_[1] = std::exchange(costs_[0], now - store_begun_);
  if (!status.ok()) {
    lost_ = lost_ || absl::IsAborted(status);
    unstored_ += step.added;
    changed_ = true;
    return;
  }
  stored_ += step.added;
  settled_.revision = step.entry.revision;
  settled_.lease_until = step.entry.lease_until;
  settled_.updated = step.entry.updated;
  stored_at_ = now;
}

void ObjectProgress::AwaitStore() const {
  absl::MutexLock lock(&mutex_);
  const auto is_idle = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return !storing_; };
  mutex_.Await(absl::Condition(&is_idle));
}

bool ObjectProgress::Lose() {
  absl::MutexLock lock(&mutex_);
  return !std::exchange(lost_, true);
}

bool ObjectProgress::lost() const {
  absl::MutexLock lock(&mutex_);
  return lost_;
}

Counts ObjectProgress::run_counts() const {
  absl::MutexLock lock(&mutex_);
  Counts counts = stored_;
  if (!lost_) counts.read = rows_begun_;
  return counts;
}

}  // namespace millrace
