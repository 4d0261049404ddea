#include "objects/held_object_retry_feed.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/status.h"

namespace millrace {
namespace {

constexpr absl::Duration kPauseForEach = absl::Milliseconds(20);
constexpr absl::Duration kBetweenMessages = absl::Minutes(1);

}  // namespace

bool HeldObjectRetryFeed::MayTakeMore() const {
  absl::MutexLock lock(&mutex_);
  return !ended_ && aside_.size() < kMaxAside;
}

std::optional<ListedObject> HeldObjectRetryFeed::TakeDue() {
  absl::MutexLock lock(&mutex_);
  if (aside_.empty() || aside_.front().due > clock_.Elapsed()) return std::nullopt;
  ListedObject object = std::move(aside_.front().object);
  aside_.pop_front();
  progress_.bytes_done -= object.info.size;
  return object;
}

std::optional<ListedObject> HeldObjectRetryFeed::Give(ListedObject object) {
  absl::MutexLock lock(&mutex_);
  in_progress_.insert_or_assign(object.info.uri, object);
  return object;
}

bool HeldObjectRetryFeed::HasNothingLeft() const {
  absl::MutexLock lock(&mutex_);
  return aside_.empty() && in_progress_.empty();
}

bool HeldObjectRetryFeed::Ready() {
  {
    absl::MutexLock lock(&mutex_);
    if (!aside_.empty() && aside_.front().due <= clock_.Elapsed()) return true;
  }
  if (MayTakeMore()) return feed_.Ready();
  return HasNothingLeft();  // the end
}

absl::StatusOr<std::optional<ListedObject>> HeldObjectRetryFeed::Next(std::stop_token stop) {
  for (;;) {
    if (ended_ && !AwaitOthers(stop)) return std::nullopt;
    if (stop.stop_requested()) return absl::CancelledError("the run was stopped");
    if (std::optional<ListedObject> due = TakeDue()) return Give(*std::move(due));
    if (!MayTakeMore()) {
      if (!ended_) AwaitOthers(stop);  // too many objects are held
      continue;
    }
    ASSIGN_OR_RETURN(std::optional<ListedObject> next, feed_.Next(stop));
    if (next) return next->is_object() ? Give(*std::move(next)) : next;
    ended_ = true;
    // Only objects that others hold, or that the run has in progress, are left: the caller sends
    // what it has before it waits.
    if (!HasNothingLeft()) return ListedObject();
  }
}

bool HeldObjectRetryFeed::AwaitOthers(const std::stop_token& stop) {
  // The mutex evaluates conditions when it is released.
  const std::stop_callback wake(stop, [this] { absl::MutexLock lock(&mutex_); });
  const auto changed = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stop.stop_requested() || !aside_.empty() || in_progress_.empty();
  };
  absl::Duration wait;
  size_t objects = 0;
  std::string first;
  {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&changed));
    if (aside_.empty()) return !in_progress_.empty();
    wait = aside_.front().due - clock_.Elapsed();
    objects = aside_.size();
    first = aside_.front().object.info.uri;
  }
  if (wait <= absl::ZeroDuration()) return true;
  SayThatItWaits(objects, first);
  clock_.SleepFor(wait, stop);
  return true;
}

void HeldObjectRetryFeed::Ack(const ObjectInfo& object, const ObjectOutcome& outcome) {
  const bool held = outcome.kind == ObjectOutcome::Kind::kHeld;
  {
    absl::MutexLock lock(&mutex_);
    auto given = in_progress_.extract(object.uri);
    if (held && !given.empty()) {
      const absl::Duration pause = std::max(kPause, kPauseForEach * aside_.size());
      const absl::Duration due = clock_.Elapsed() + pause * absl::Uniform(random_, 1.0, 1.25);
      // The order by time remains: it is a queue.
      given.mapped().again = true;
      aside_.push_back(
          {std::move(given.mapped()), aside_.empty() ? due : std::max(due, aside_.back().due)});
    }
  }
  if (!held) feed_.Ack(object, outcome);
}

void HeldObjectRetryFeed::SayThatItWaits(size_t objects, const std::string& first) {
  const absl::Duration now = clock_.Elapsed();
  if (now - said_at_ < kBetweenMessages) return;
  said_at_ = now;
  Log(Severity::kInfo, "waiting for objects that other workers hold",
      {{"objects", uint64_t{objects}}, {"first", first}});
}

}  // namespace millrace
