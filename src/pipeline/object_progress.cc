#include "pipeline/object_progress.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/strings.h"

namespace millrace {
namespace {

Counts Difference(const Counts& counts, const Counts& before) {
  return {.read = counts.read - before.read,
          .accepted = counts.accepted - before.accepted,
          .rejected = counts.rejected - before.rejected,
          .filtered = counts.filtered - before.filtered,
          .events = counts.events - before.events};
}

}  // namespace

ObjectProgress::ObjectProgress(const LedgerEntry& claimed, const StoreSchedule& schedule,
                               absl::Duration claimed_at)
    : key_(claimed.key),
      owner_(claimed.owner),
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

void ObjectProgress::MarkEnded(uint64_t number, const Counts& counts) {
  Pending& ended = pending_[number - first_pending_];
  ended.counts = counts;
  ended.ended = true;
}

void ObjectProgress::Apply(const Pending& ended, LedgerEntry& entry, Counts& added,
                           bool& finished) {
  entry.position = ended.after;
  entry.counts += ended.counts;
  added += ended.counts;
  if (!ended.last) return;
  finished = true;
  entry.last_error = std::string(ToStd(ended.error.message()));
  if (ended.error.ok()) entry.state = LedgerState::kDone;
}

void ObjectProgress::PopFirst() {
  pending_.pop_front();
  ++first_pending_;
}

Counts ObjectProgress::AdvanceEnded() {
  Counts added;
  while (HasEnded()) {
    Apply(pending_.front(), settled_, added, finished_);
    changed_ = true;
    PopFirst();
  }
  unstored_ += added;
  return added;
}

void ObjectProgress::Complete(uint64_t number, const Counts& counts) {
  absl::MutexLock lock(&mutex_);
  MarkEnded(number, counts);
  AdvanceEnded();
}

void ObjectProgress::Stage(uint64_t number, const Counts& counts) {
  absl::MutexLock lock(&mutex_);
  MarkEnded(number, counts);
}

bool ObjectProgress::has_staged() const {
  absl::MutexLock lock(&mutex_);
  return std::any_of(pending_.begin(), pending_.end(), [](const Pending& p) { return p.ended; });
}

void ObjectProgress::DropStaged() {
  absl::MutexLock lock(&mutex_);
  for (Pending& pending : pending_) pending.ended = false;
}

Counts ObjectProgress::CompleteStaged() {
  absl::MutexLock lock(&mutex_);
  return AdvanceEnded();
}

std::optional<ObjectProgress::Step> ObjectProgress::StartCommit() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(this, &ObjectProgress::IsIdle));
  Step step;
  step.entry = settled_;
  step.added = unstored_;
  auto next = pending_.begin();
  for (; next != pending_.end() && next->ended; ++next) {
    Apply(*next, step.entry, step.added, step.finished);
  }
  const bool has_gap =
      std::any_of(next, pending_.end(), [](const Pending& pending) { return pending.ended; });
  if (lost_ || has_gap) return std::nullopt;
  storing_ = true;
  return step;
}

Counts ObjectProgress::EndCommit(Step& step, bool committed, absl::Duration now) {
  absl::MutexLock lock(&mutex_);
  storing_ = false;
  settled_.revision = step.entry.revision;
  if (!committed) return Counts();
  const Counts by_commit = Difference(step.entry.counts, settled_.counts);
  step.added = by_commit;
  step.added += std::exchange(unstored_, Counts());
  stored_ += step.added;
  settled_.position = step.entry.position;
  settled_.counts = step.entry.counts;
  settled_.state = step.entry.state;
  settled_.last_error = step.entry.last_error;
  stored_at_ = now;
  changed_ = false;
  finished_ = step.finished;
  while (HasEnded()) PopFirst();
  return by_commit;
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

std::optional<ObjectProgress::Step> ObjectProgress::StartRenewal(absl::Duration now) {
  absl::MutexLock lock(&mutex_);
  if (storing_ || lost_) return std::nullopt;
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
  mutex_.Await(absl::Condition(this, &ObjectProgress::IsIdle));
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
