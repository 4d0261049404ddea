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

constexpr int kMaxChanges = 3;  // of an object while it is read, until that is a failure
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

// The object is not what it was when its reading began: another look will find what it is now.
bool HasChanged(const NoticeResult& result) {
  return result.outcome == NoticeOutcome::kFailed &&
         (absl::IsFailedPrecondition(result.status) || absl::IsNotFound(result.status));
}

NoticeResult ResultOf(const ObjectInfo& object, const ObjectOutcome& outcome) {
  NoticeResult result{.status = outcome.status, .object = object, .counts = outcome.counts};
  switch (outcome.kind) {
    case ObjectOutcome::Kind::kImported:
      result.outcome = NoticeOutcome::kImported;
      break;
    case ObjectOutcome::Kind::kDoneBefore:
      result.outcome = NoticeOutcome::kDoneBefore;
      break;
    case ObjectOutcome::Kind::kConfigChanged:
      result.outcome = NoticeOutcome::kConfigChanged;
      break;
    case ObjectOutcome::Kind::kHeld:
      result.outcome = NoticeOutcome::kHeld;
      break;
    case ObjectOutcome::Kind::kFailed:
      result.outcome = NoticeOutcome::kFailed;
      break;
    case ObjectOutcome::Kind::kUnmatched:
      result.outcome = NoticeOutcome::kIgnored;
      break;
    case ObjectOutcome::Kind::kReleased:
      result.outcome = NoticeOutcome::kStopped;
      break;
  }
  return result;
}

}  // namespace

ObjectQueue::ObjectQueue(const QueueOptions& options, StoreCache& stores, Clock& clock,
                         WatchProgress& progress)
    : options_(options), stores_(stores), clock_(clock), progress_(progress) {}

bool ObjectQueue::Add(Notice& notice) { return AddOrAnswer(notice, Room::kNeeded); }

void ObjectQueue::AddAlways(Notice& notice) { AddOrAnswer(notice, Room::kNotNeeded); }

bool ObjectQueue::AddOrAnswer(Notice& notice, Room room) {
  {
    absl::MutexLock lock(&mutex_);
    if (!ended_) return AddLocked(notice, room);
  }
  if (notice.on_result) notice.on_result({.object = {notice.uri, 0, ""}});
  return true;
}

bool ObjectQueue::AddWaiting(Notice& notice, std::stop_token stop) {
  std::atomic<bool> given_up{false};
  const std::stop_callback wake(stop, [&] {
    absl::MutexLock lock(&mutex_);
    given_up = true;
  });
  while (!given_up) {
    if (Add(notice)) return true;
    absl::MutexLock lock(&mutex_);
    const auto may_go_on = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return given_up || ended_ || Accepts(notice);
    };
    mutex_.Await(absl::Condition(&may_go_on));
  }
  return false;
}

bool ObjectQueue::Accepts(const Notice& notice) const {
  return waiting_.size() < options_.max_objects || waiting_.contains(notice.uri);
}

bool ObjectQueue::AddLocked(Notice& notice, Room room) {
  const bool must_fit = room == Room::kNeeded;
  const size_t max =
      must_fit ? options_.max_notices_per_object : std::numeric_limits<size_t>::max();
  if (const auto work = in_work_.find(notice.uri); work != in_work_.end()) {
    const bool same = notice.listed && notice.listed->version == work->second.version;
    if (same && !notice.on_result) return true;  // a listing that saw what is in work
    if (work->second.next) return Merge(*work->second.next, notice, max);
    if (must_fit && !Accepts(notice)) return false;
    return Merge(work->second.next.emplace(Item()), notice, max);
  }
  if (const auto waiting = waiting_.find(notice.uri); waiting != waiting_.end()) {
    const bool urgent = !notice.maybe_unfinished;
    Item& item = waiting->second;
    if (!Merge(item, notice, max)) return false;
    if (urgent && item.due != absl::InfinitePast()) {
      later_.erase({item.due, waiting->first});
      item.due = absl::InfinitePast();
      ready_.push_back(waiting->first);
    }
    return true;
  }
  if (must_fit && !Accepts(notice)) return false;
  Item item;
  Merge(item, notice, max);
  Enqueue(std::move(item));
  return true;
}

// Adds what `notice` says and wants; false, and nothing, if too many wait for the object already.
bool ObjectQueue::Merge(Item& into, Notice& notice, size_t max) {
  if (into.on_result.size() >= max) return false;
  if (notice.on_result) {
    into.on_result.push_back(std::move(notice.on_result));
  } else {
    into.ours_to_retry = true;
  }
  if (into.notice.uri.empty()) {
    into.notice = std::move(notice);
    into.notice.on_result = nullptr;
    return true;
  }
  into.notice.listed = std::move(notice.listed);
  into.notice.maybe_unfinished &= notice.maybe_unfinished;
  into.notice.written = std::max(into.notice.written, notice.written);
  if (into.notice.trace.trace_id.empty()) into.notice.trace = std::move(notice.trace);
  return true;
}

void ObjectQueue::Enqueue(Item item) {
  ++progress_.objects_waiting;
  const std::string uri = item.notice.uri;
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
  ++progress_.objects_in_work;
  item.due = absl::InfinitePast();
  in_work_[uri] = InWork();
  return item;
}

bool ObjectQueue::idle() const {
  absl::MutexLock lock(&mutex_);
  return waiting_.empty() && in_work_.empty();
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
    for (auto& [uri, work] : in_work_) {
      left.emplace_back(uri, std::move(work.item));
      if (work.next) left.emplace_back(uri, *std::move(work.next));
    }
    progress_.objects_waiting -= waiting_.size();
    progress_.objects_in_work -= in_work_.size();
    waiting_.clear();
    ready_.clear();
    later_.clear();
    in_work_.clear();
  }
  for (const auto& [uri, item] : left) {
    for (const auto& on_result : item.on_result) on_result({.object = {uri, 0, ""}});
  }
}

absl::Time ObjectQueue::FirstDue() const {
  if (!ready_.empty()) return absl::InfinitePast();
  return later_.empty() ? absl::InfiniteFuture() : later_.begin()->first;
}

// Until something is due, whoever makes it so meanwhile, and however soon.
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

// Looks the object up. Not an object if it cannot be read now.
ListedObject ObjectQueue::Prepare(Item item) {
  const std::string uri = item.notice.uri;
  std::optional<ObjectInfo> listed = std::exchange(item.notice.listed, std::nullopt);
  {
    absl::MutexLock lock(&mutex_);
    in_work_[uri].item = std::move(item);
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
    Finish(uri, {.outcome = gone ? NoticeOutcome::kGone : NoticeOutcome::kFailed,
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
  const auto found = in_work_.find(info.uri);
  InWork& work = found->second;
  work.version = info.version;
  const absl::Time settled = written + options_.settle_time;
  if (!work.item.notice.maybe_unfinished || written > now || settled <= now) return false;
  Item item = std::move(work.item);
  item.due = settled;
  std::optional<Item> next = std::move(work.next);
  in_work_.erase(found);
  --progress_.objects_in_work;
  PutBack(std::move(item), std::move(next));
  return true;
}

// `item` waits again, together with what was told of it since.
void ObjectQueue::PutBack(Item item, std::optional<Item> next) {
  if (next) {
    std::move(next->on_result.begin(), next->on_result.end(), std::back_inserter(item.on_result));
    item.ours_to_retry |= next->ours_to_retry;
    item.notice = std::move(next->notice);
    item.due = absl::InfinitePast();
  }
  Enqueue(std::move(item));
}

void ObjectQueue::Settle(const ObjectInfo& object, const ObjectOutcome& outcome) {
  if (outcome.kind == ObjectOutcome::Kind::kUnmatched && on_unmatched_) return GiveBack(object.uri);
  Finish(object.uri, ResultOf(object, outcome));
}

void ObjectQueue::AppendNotices(Item item, std::vector<Notice>& notices) {
  if (item.ours_to_retry) notices.push_back(item.notice);
  if (item.on_result.empty()) return;
  notices.push_back(std::move(item.notice));
  notices.back().on_result = [tell = std::move(item.on_result)](const NoticeResult& result) {
    for (const auto& on_result : tell) on_result(result);
  };
}

// The config has changed since the object was added: its notices are offered again.
void ObjectQueue::GiveBack(const std::string& uri) {
  std::vector<Notice> notices;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = in_work_.find(uri);
    if (found == in_work_.end()) return;
    InWork work = std::move(found->second);
    in_work_.erase(found);
    --progress_.objects_in_work;
    AppendNotices(std::move(work.item), notices);
    if (work.next) AppendNotices(*std::move(work.next), notices);
  }
  for (Notice& notice : notices) on_unmatched_(std::move(notice));
}

void ObjectQueue::Finish(const std::string& uri, const NoticeResult& result) {
  Notice notice;  // what is reported
  bool is_told = false;
  absl::Time next_try = absl::InfiniteFuture();
  std::vector<std::function<void(const NoticeResult&)>> to_tell;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = in_work_.find(uri);
    if (found == in_work_.end()) return;
    InWork work = std::move(found->second);
    in_work_.erase(found);
    --progress_.objects_in_work;
    notice = work.item.notice;
    is_told = !MayWarn(uri, result);
    const Again again = WhetherAgain(result, work.item);
    if (again != Again::kNo) next_try = work.item.due;
    if (again != Again::kAtOnce) {
      to_tell.swap(work.item.on_result);
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
  if (result.outcome == NoticeOutcome::kImported && notice.written != absl::InfinitePast()) {
    progress_.object_latency.Observe(absl::ToDoubleSeconds(now - notice.written));
  }
  if (!is_told) LogObject(notice, result, now, next_try);
  for (const auto& on_result : to_tell) on_result(result);
}

// Each listing shows what was left alone for its config again.
bool ObjectQueue::MayWarn(const std::string& uri, const NoticeResult& result) {
  if (result.outcome != NoticeOutcome::kConfigChanged) return true;
  return config_warned_.size() < kMaxConfigWarnings && config_warned_.insert(uri).second;
}

void ObjectQueue::NoteFailing(const std::string& uri, const NoticeResult& result) {
  if (result.settled()) {
    if (failing_.erase(uri) > 0) --progress_.objects_failing;
  } else if (result.outcome == NoticeOutcome::kFailed && failing_.size() < kMaxFailing) {
    if (failing_.insert(uri).second) ++progress_.objects_failing;
  }
}

// If it is to be tried again, item.due says when.
ObjectQueue::Again ObjectQueue::WhetherAgain(const NoticeResult& result, Item& item) {
  if (result.settled() || ended_) return Again::kNo;
  const absl::Time now = clock_.Now();
  if (HasChanged(result) && item.tries < kMaxChanges) {
    ++item.tries;
    ++progress_.retries;
    item.due = absl::InfinitePast();
    return Again::kAtOnce;
  }
  if (!item.ours_to_retry) return Again::kNo;
  if (result.outcome != NoticeOutcome::kFailed) {
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
