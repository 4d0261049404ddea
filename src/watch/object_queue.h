// The objects of notifications, for one record type, as the feed of a run that does not end.
#ifndef MILLRACE_WATCH_OBJECT_QUEUE_H_
#define MILLRACE_WATCH_OBJECT_QUEUE_H_

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "objects/object_feed.h"
#include "watch/object_notification.h"
#include "watch/store_cache.h"
#include "watch/watch_progress.h"

namespace millrace::watch {

struct QueueOptions {
  size_t max_objects = 10'000;  // waiting; notifications of further objects are rejected
  size_t max_notifications_per_object = 1000;
  // A local file found by listing waits until it has not changed for this long.
  absl::Duration settle_time = absl::Seconds(2);
  // Between attempts at an object whose notification is not repeated; doubles up to `retry_max`.
  absl::Duration retry_initial = absl::Seconds(1);
  absl::Duration retry_max = absl::Minutes(5);
  int max_tries = 12;                            // then it waits for another notification
  absl::Duration held_wait = absl::Seconds(30);  // before another look at an object that is held
};

// Each object, whatever its version, is processed by one task at a time. Later notifications wait
// for it, then trigger a fresh lookup. So a notification that is delivered five times costs four
// ledger lookups, and the newest version of an overwritten object is read. Thread-safe; Next() and
// Ready() as in ObjectFeed.
class ObjectQueue : public ObjectFeed {
 public:
  // All outlive the queue.
  ObjectQueue(const QueueOptions& options, StoreCache& stores, Clock& clock,
              WatchProgress& progress);

  // Receives the notification of an object that a changed config assigns to another record type or
  // no longer matches. Set it before anything is added. Without it the outcome is kIgnored.
  void set_on_unmatched(std::function<void(ObjectNotification)> on_unmatched) {
    on_unmatched_ = std::move(on_unmatched);
  }

  // False if there is no room; then the notification is unchanged.
  bool Add(ObjectNotification& notification);
  // Ignores the limit.
  void AddAlways(ObjectNotification& notification);
  // Waits for room; false once `stop` is requested.
  bool AddBlocking(ObjectNotification& notification, std::stop_token stop);

  // Nothing waits and nothing is in progress.
  bool idle() const;
  // Whose last attempt failed.
  size_t objects_failing() const {
    absl::MutexLock lock(&mutex_);
    return failing_.size();
  }
  // Next() ends when nothing waits any more; later notifications have the result kStopped.
  void End();
  // Call it after the run: waiting and later notifications have the result kStopped.
  void Close();

  absl::StatusOr<std::optional<ListedObject>> Next(std::stop_token stop) override;
  bool Ready() override;
  void Ack(const ObjectInfo& object, const ObjectOutcome& outcome) override;

 private:
  struct Item {
    ObjectNotification notification;  // the first one, without its `ack`
    std::vector<std::function<void(const NotificationResult&)>> ack;
    bool ours_to_retry = false;  // a notification without `ack` is among them
    int tries = 0;               // failed attempts
    absl::Time due = absl::InfinitePast();
  };
  struct InWork {
    Item item;
    std::string version;
    std::optional<Item> next;  // merged notifications since then
  };
  using Items = absl::flat_hash_map<std::string, Item>;

  enum class Room { kNeeded, kNotNeeded };
  bool AddOrAnswer(ObjectNotification& notification, Room room);
  bool Accepts(const ObjectNotification& notification) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool AddLocked(ObjectNotification& notification, Room room) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static bool Merge(Item& into, ObjectNotification& notification, size_t max);
  void Enqueue(Item item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<Item> TakeDue() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // InfinitePast: now; InfiniteFuture: nothing waits.
  absl::Time FirstDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AwaitDue(const bool& stopped) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  ListedObject Prepare(Item item);
  bool PutBackUnfinished(const ObjectInfo& info);
  void Complete(const std::string& uri, const NotificationResult& result);
  static void AppendNotifications(Item item, std::vector<ObjectNotification>& notifications);
  void GiveBack(const std::string& uri);
  enum class Again { kNo, kAtOnce, kLater };
  Again RetryDecision(const NotificationResult& result, Item& item)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PutBack(Item item, std::optional<Item> next) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool MayWarn(const std::string& uri, const NotificationResult& result)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteFailing(const std::string& uri, const NotificationResult& result)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Duration WaitAfter(int tries) const;

  const QueueOptions options_;
  StoreCache& stores_;
  Clock& clock_;
  WatchProgress& progress_;
  std::function<void(ObjectNotification)> on_unmatched_;

  mutable absl::Mutex mutex_;
  Items waiting_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::string> ready_ ABSL_GUARDED_BY(mutex_);  // of waiting_, in order
  std::set<std::pair<absl::Time, std::string>> later_ ABSL_GUARDED_BY(mutex_);  // of waiting_
  absl::flat_hash_map<std::string, InWork> in_progress_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_set<std::string> config_warned_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_set<std::string> failing_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace millrace::watch

#endif  // MILLRACE_WATCH_OBJECT_QUEUE_H_
