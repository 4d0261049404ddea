#include "watch/object_queue.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "base/status.h"
#include "base/strings.h"
#include "watch/object_log.h"

namespace millrace::watch {
namespace {

constexpr int kMaxChanges = 3;  // of an object during reads, before it counts as failed
constexpr size_t kMaxConfigWarnings = 1000;
constexpr size_t kMaxFailing = 100'000;  // that are counted

// When a local file was last written to, by its version; InfinitePast for other objects.
absl::Time WriteTime(const ObjectInfo& info) {
  int64_t nanos = 0;
  const std::string_view version = info.version;
  if (info.uri.find("://") != std::string::npos ||
      !absl::SimpleAtoi(ToAbsl(version.substr(version.rfind('-') + 1)), &nanos)) {
    return absl::InfinitePast();
  }
  return absl::FromUnixNanos(nanos);
}

// The object has changed since reading began: another lookup finds its current version.
bool HasChanged(const NotificationResult& result) {
  return result.outcome == NotificationOutcome::kFailed &&
         (absl::IsFailedPrecondition(result.status) || absl::IsNotFound(result.status));
}

NotificationResult ResultOf(const ObjectInfo& object, const ObjectOutcome& outcome) {
  NotificationResult result{.status = outcome.status, .object = object, .counts = outcome.counts};
  switch (outcome.kind) {
    case ObjectOutcome::Kind::kImported:
      result.outcome = NotificationOutcome::kImported;
      break;
    case ObjectOutcome::Kind::kDoneBefore:
      result.outcome = NotificationOutcome::kDoneBefore;
      break;
    case ObjectOutcome::Kind::kConfigChanged:
      result.outcome = NotificationOutcome::kConfigChanged;
      break;
    case ObjectOutcome::Kind::kHeld:
      result.outcome = NotificationOutcome::kHeld;
      break;
    case ObjectOutcome::Kind::kFailed:
      result.outcome = NotificationOutcome::kFailed;
      break;
    case ObjectOutcome::Kind::kUnmatched:
      result.outcome = NotificationOutcome::kIgnored;
      break;
    case ObjectOutcome::Kind::kReleased:
      result.outcome = NotificationOutcome::kStopped;
      break;
  }
  return result;
}

}  // namespace

ObjectQueue::ObjectQueue(const QueueOptions& options, StoreCache& stores, Clock& clock,
                         WatchProgress& progress)
    : options_(options), stores_(stores), clock_(clock), progress_(progress) {}

bool ObjectQueue::Add(ObjectNotification& notification) {
  return AddOrAnswer(notification, Room::kNeeded);
}

void ObjectQueue::AddAlways(ObjectNotification& notification) {
  AddOrAnswer(notification, Room::kNotNeeded);
}

bool ObjectQueue::AddOrAnswer(ObjectNotification& notification, Room room) {
  {
    absl::MutexLock lock(&mutex_);
    if (!ended_) return AddLocked(notification, room);
  }
  if (notification.ack) notification.ack({.object = {notification.uri, 0, ""}});
  return true;
}

bool ObjectQueue::AddBlocking(ObjectNotification& notification, std::stop_token stop) {
  std::atomic<bool> given_up{false};
  const std::stop_callback wake(stop, [&] {
    absl::MutexLock lock(&mutex_);
    given_up = true;
  });
  while (!given_up) {
    if (Add(notification)) return true;
    absl::MutexLock lock(&mutex_);
    const auto may_go_on = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return given_up || ended_ || Accepts(notification);
    };
    mutex_.Await(absl::Condition(&may_go_on));
  }
  return false;
}

bool ObjectQueue::Accepts(const ObjectNotification& notification) const {
  return waiting_.size() < options_.max_objects || waiting_.contains(notification.uri);
}

bool ObjectQueue::AddLocked(ObjectNotification& notification, Room room) {
  const bool must_fit = room == Room::kNeeded;
  const size_t max =
      must_fit ? options_.max_notifications_per_object : std::numeric_limits<size_t>::max();
  if (const auto work = in_progress_.find(notification.uri); work != in_progress_.end()) {
    const bool same = notification.listed && notification.listed->version == work->second.version;
    if (same && !notification.ack) return true;  // a listing that saw an object in progress
    if (work->second.next) return Merge(*work->second.next, notification, max);
    if (must_fit && !Accepts(notification)) return false;
    return Merge(work->second.next.emplace(Item()), notification, max);
  }
  if (const auto waiting = waiting_.find(notification.uri); waiting != waiting_.end()) {
    const bool urgent = !notification.maybe_unfinished;
    Item& item = waiting->second;
    if (!Merge(item, notification, max)) return false;
    if (urgent && item.due != absl::InfinitePast()) {
      later_.erase({item.due, waiting->first});
      item.due = absl::InfinitePast();
      ready_.push_back(waiting->first);
    }
    return true;
  }
  if (must_fit && !Accepts(notification)) return false;
  Item item;
  Merge(item, notification, max);
  Enqueue(std::move(item));
  return true;
}

// Merges `notification` into the item `into`; returns false and changes nothing if `max` already
// wait for the object.
bool ObjectQueue::Merge(Item& into, ObjectNotification& notification, size_t max) {
  if (into.ack.size() >= max) return false;
  if (notification.ack) {
    into.ack.push_back(std::move(notification.ack));
  } else {
    into.ours_to_retry = true;
  }
  if (into.notification.uri.empty()) {
    into.notification = std::move(notification);
    into.notification.ack = nullptr;
    return true;
  }
  into.notification.listed = std::move(notification.listed);
  into.notification.maybe_unfinished &= notification.maybe_unfinished;
  into.notification.written = std::max(into.notification.written, notification.written);
  if (into.notification.trace.trace_id.empty())
    into.notification.trace = std::move(notification.trace);
  return true;
}

void ObjectQueue::Enqueue(Item item) {
  ++progress_.objects_waiting;
  const std::string uri = item.notification.uri;
  if (item.due == absl::InfinitePast()) {
    ready_.push_back(uri);
  } else {
    later_.emplace(item.due, uri);
  }
  waiting_.emplace(uri, std::move(item));
}

std::optional<ObjectQueue::Item> ObjectQueue::TakeDue() {
  std::string uri;
  if (!later_.empty() && later_.begin()->first <= clock_.Now()) {
    uri = later_.begin()->second;
    later_.erase(later_.begin());
  } else if (!ready_.empty()) {
    uri = std::move(ready_.front());
    ready_.pop_front();
  } else {
    return std::nullopt;
  }
  const auto waiting = waiting_.find(uri);
  Item item = std::move(waiting->second);
  waiting_.erase(waiting);
  --progress_.objects_waiting;
  ++progress_.objects_in_progress;
  item.due = absl::InfinitePast();
  in_progress_[uri] = InWork();
  return item;
}

bool ObjectQueue::idle() const {
  absl::MutexLock lock(&mutex_);
  return waiting_.empty() && in_progress_.empty();
}

void ObjectQueue::End() {
  absl::MutexLock lock(&mutex_);
  ended_ = true;
}

void ObjectQueue::Close() {
  std::vector<std::pair<std::string, Item>> left;
  {
    absl::MutexLock lock(&mutex_);
    ended_ = true;
    for (auto& [uri, item] : waiting_) left.emplace_back(uri, std::move(item));
    for (auto& [uri, work] : in_progress_) {
      left.emplace_back(uri, std::move(work.item));
      if (work.next) left.emplace_back(uri, *std::move(work.next));
    }
    progress_.objects_waiting -= waiting_.size();
    progress_.objects_in_progress -= in_progress_.size();
    waiting_.clear();
    ready_.clear();
    later_.clear();
    in_progress_.clear();
  }
  for (const auto& [uri, item] : left) {
    for (const auto& ack : item.ack) ack({.object = {uri, 0, ""}});
  }
}

absl::Time ObjectQueue::FirstDue() const {
  if (!ready_.empty()) return absl::InfinitePast();
  return later_.empty() ? absl::InfiniteFuture() : later_.begin()->first;
}

// Waits until an item is due, including items that are added or moved forward meanwhile.
void ObjectQueue::AwaitDue(const bool& stopped) {
  const absl::Time due = FirstDue();
  const auto sooner = [this, due, &stopped]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stopped || ended_ || FirstDue() < due;
  };
  mutex_.AwaitWithTimeout(absl::Condition(&sooner), due - clock_.Now());
}

absl::StatusOr<std::optional<ListedObject>> ObjectQueue::Next(std::stop_token stop) {
  bool stopped = false;  // guarded by mutex_
  const std::stop_callback wake(stop, [this, &stopped] {
    absl::MutexLock lock(&mutex_);
    stopped = true;
  });
  std::optional<Item> item;
  while (!item) {
    absl::MutexLock lock(&mutex_);
    if (stopped) return absl::CancelledError("the watch was stopped");
    item = TakeDue();
    if (item) break;
    if (ended_) return std::nullopt;
    AwaitDue(stopped);
  }
  return Prepare(*std::move(item));
}

bool ObjectQueue::Ready() {
  absl::MutexLock lock(&mutex_);
  return ended_ || FirstDue() <= clock_.Now();
}

// Looks the object up. Returns no object if it cannot be read now.
ListedObject ObjectQueue::Prepare(Item item) {
  const std::string uri = item.notification.uri;
  std::optional<ObjectInfo> listed = std::exchange(item.notification.listed, std::nullopt);
  {
    absl::MutexLock lock(&mutex_);
    in_progress_[uri].item = std::move(item);
  }
  absl::StatusOr<ListedObject> found = absl::NotFoundError("");
  if (listed) {
    const absl::StatusOr<std::shared_ptr<ObjectStore>> store = stores_.StoreOf(uri);
    if (store.ok()) found = ListedObject{*store, *std::move(listed)};
    if (!store.ok()) found = store.status();
  } else {
    found = stores_.Find(uri);
  }
  if (!found.ok()) {
    const bool gone = absl::IsNotFound(found.status());
    Complete(uri, {.outcome = gone ? NotificationOutcome::kGone : NotificationOutcome::kFailed,
                   .status = gone ? absl::OkStatus() : found.status(),
                   .object = {uri, 0, ""}});
    return {};
  }
  if (PutBackUnfinished(found->info)) return {};
  return *std::move(found);
}

bool ObjectQueue::PutBackUnfinished(const ObjectInfo& info) {
  const absl::Time written = WriteTime(info);
  const absl::Time now = clock_.Now();
  absl::MutexLock lock(&mutex_);
  const auto found = in_progress_.find(info.uri);
  InWork& work = found->second;
  work.version = info.version;
  const absl::Time settled = written + options_.settle_time;
  if (!work.item.notification.maybe_unfinished || written > now || settled <= now) return false;
  Item item = std::move(work.item);
  item.due = settled;
  std::optional<Item> next = std::move(work.next);
  in_progress_.erase(found);
  --progress_.objects_in_progress;
  PutBack(std::move(item), std::move(next));
  return true;
}

// Puts `item` back, merged with the notifications that arrived since.
void ObjectQueue::PutBack(Item item, std::optional<Item> next) {
  if (next) {
    std::move(next->ack.begin(), next->ack.end(), std::back_inserter(item.ack));
    item.ours_to_retry |= next->ours_to_retry;
    item.notification = std::move(next->notification);
    item.due = absl::InfinitePast();
  }
  Enqueue(std::move(item));
}

void ObjectQueue::Ack(const ObjectInfo& object, const ObjectOutcome& outcome) {
  if (outcome.kind == ObjectOutcome::Kind::kUnmatched && on_unmatched_) return GiveBack(object.uri);
  Complete(object.uri, ResultOf(object, outcome));
}

void ObjectQueue::AppendNotifications(Item item, std::vector<ObjectNotification>& notifications) {
  if (item.ours_to_retry) notifications.push_back(item.notification);
  if (item.ack.empty()) return;
  notifications.push_back(std::move(item.notification));
  notifications.back().ack = [tell = std::move(item.ack)](const NotificationResult& result) {
    for (const auto& ack : tell) ack(result);
  };
}

// The config has changed since the object was added: offers its notifications again.
void ObjectQueue::GiveBack(const std::string& uri) {
  std::vector<ObjectNotification> notifications;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = in_progress_.find(uri);
    if (found == in_progress_.end()) return;
    InWork work = std::move(found->second);
    in_progress_.erase(found);
    --progress_.objects_in_progress;
    AppendNotifications(std::move(work.item), notifications);
    if (work.next) AppendNotifications(*std::move(work.next), notifications);
  }
  for (ObjectNotification& notification : notifications) on_unmatched_(std::move(notification));
}

void ObjectQueue::Complete(const std::string& uri, const NotificationResult& result) {
  ObjectNotification notification;  // what is reported
  bool is_told = false;
  absl::Time next_try = absl::InfiniteFuture();
  std::vector<std::function<void(const NotificationResult&)>> to_tell;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = in_progress_.find(uri);
    if (found == in_progress_.end()) return;
    InWork work = std::move(found->second);
    in_progress_.erase(found);
    --progress_.objects_in_progress;
    notification = work.item.notification;
    is_told = !MayWarn(uri, result);
    const Again again = RetryDecision(result, work.item);
    if (again != Again::kNo) next_try = work.item.due;
    if (again != Again::kAtOnce) {
      to_tell.swap(work.item.ack);
      NoteFailing(uri, result);
    }
    if (again != Again::kNo) {
      PutBack(std::move(work.item), std::move(work.next));
    } else if (work.next) {
      Enqueue(*std::move(work.next));
    }
  }
  const absl::Time now = clock_.Now();
  progress_.Count(result.outcome);
  if (result.outcome == NotificationOutcome::kImported &&
      notification.written != absl::InfinitePast()) {
    progress_.object_latency.Observe(absl::ToDoubleSeconds(now - notification.written));
  }
  if (!is_told) LogObject(notification, result, now, next_try);
  for (const auto& ack : to_tell) ack(result);
}

// Each listing shows the objects that were skipped for their config again.
bool ObjectQueue::MayWarn(const std::string& uri, const NotificationResult& result) {
  if (result.outcome != NotificationOutcome::kConfigChanged) return true;
  return config_warned_.size() < kMaxConfigWarnings && config_warned_.insert(uri).second;
}

void ObjectQueue::NoteFailing(const std::string& uri, const NotificationResult& result) {
  if (result.settled()) {
    if (failing_.erase(uri) > 0) --progress_.objects_failing;
  } else if (result.outcome == NotificationOutcome::kFailed && failing_.size() < kMaxFailing) {
    if (failing_.insert(uri).second) ++progress_.objects_failing;
  }
}

// If the item is retried, item.due says when.
ObjectQueue::Again ObjectQueue::RetryDecision(const NotificationResult& result, Item& item) {
  if (result.settled() || ended_) return Again::kNo;
  const absl::Time now = clock_.Now();
  if (HasChanged(result) && item.tries < kMaxChanges) {
    ++item.tries;
    ++progress_.retries;
    item.due = absl::InfinitePast();
    return Again::kAtOnce;
  }
  if (!item.ours_to_retry) return Again::kNo;
  if (result.outcome != NotificationOutcome::kFailed) {
    item.due = now + options_.held_wait;
    return Again::kLater;
  }
  if (++item.tries >= options_.max_tries) return Again::kNo;
  ++progress_.retries;
  item.due = now + WaitAfter(item.tries);
  return Again::kLater;
}

absl::Duration ObjectQueue::WaitAfter(int tries) const {
  absl::Duration wait = options_.retry_initial;
  for (int i = 1; i < tries && wait < options_.retry_max; ++i) wait *= 2;
  return std::min(wait, options_.retry_max);
}

}  // namespace millrace::watch
