// The entry point of notifications: completes those that are not for this watch immediately, and
// passes the rest to the queues of their record type, one for each destination.
#ifndef MILLRACE_WATCH_NOTIFICATION_ROUTER_H_
#define MILLRACE_WATCH_NOTIFICATION_ROUTER_H_

#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "mapping/current_sources.h"
#include "watch/input_filter.h"
#include "watch/object_queue.h"
#include "watch/watch_progress.h"

namespace millrace::watch {

// Thread-safe.
class NotificationRouter {
 public:
  // The queues of one destination.
  using Queues = std::map<RecordType, ObjectQueue*>;

  // All outlive it. `config_path` is excluded from watched folders; empty: none. Each destination
  // has a queue for each record type of `sources`, also after a config reload.
  NotificationRouter(const CurrentSources& sources, const std::string& config_path,
                     InputFilter filter, std::vector<Queues> destinations, WatchProgress& progress);

  // Does not block for long. Its `ack` is always called, now or later, when all destinations have a
  // result: with kBusy if there is no room.
  void Offer(ObjectNotification notification);
  // Records that a listing omitted this name as hidden.
  void NoteHidden(std::string_view uri);
  // Waits for room. False once `stop` is requested; then `ack` is not called.
  bool OfferBlocking(ObjectNotification notification, std::stop_token stop);
  // Takes a notification back from a queue of a destination because the config has changed: like
  // Offer(), but to this destination only and regardless of room.
  void OfferAgain(size_t destination, ObjectNotification notification);
  // The config has changed: warns again about unmatched objects.
  void ForgetWarnings();

 private:
  // Nullopt: the notification was completed.
  std::optional<RecordType> TypeOf(const ObjectNotification& notification);
  void Answer(const ObjectNotification& notification, NotificationOutcome outcome);
  void WarnUnmatched(const std::string& uri);
  // False if `uri` was seen before, or too many uris were.
  bool SeesFirst(const std::string& uri);

  const CurrentSources& sources_;
  std::string config_;
  const InputFilter filter_;
  const std::vector<Queues> destinations_;
  WatchProgress& progress_;
  absl::Mutex mutex_;
  absl::flat_hash_set<std::string> warned_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace::watch

#endif  // MILLRACE_WATCH_NOTIFICATION_ROUTER_H_
