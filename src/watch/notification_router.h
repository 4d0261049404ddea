// Where notices come in: what is not for this watch is answered at once, the rest goes to the queue
// of its kind of record.
#ifndef MILLRACE_WATCH_NOTIFICATION_ROUTER_H_
#define MILLRACE_WATCH_NOTIFICATION_ROUTER_H_

#include <map>
#include <stop_token>
#include <string>

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
  // All outlive it. `config_path` is left out of folders that are watched; empty: none. There is a
  // queue for each kind of record that `sources` has, whatever replaces them.
  NotificationRouter(const CurrentSources& sources, const std::string& config_path,
                     InputFilter filter, std::map<RecordType, ObjectQueue*> queues,
                     WatchProgress& progress);

  // Never blocks for long. on_result is called, now or later, whatever happens: with kBusy if there
  // is no room.
  void Offer(ObjectNotification notification);
  // A listing has left this name out as hidden.
  void NoteHidden(std::string_view uri);
  // Waits for room. False once `stop` is requested; then on_result is not called.
  bool OfferBlocking(ObjectNotification notification, std::stop_token stop);
  // Takes a notice back from a queue, since the config has changed: as Offer(), with room or
  // without.
  void OfferAgain(ObjectNotification notification);
  // The config has changed: objects that did not fit are worth another warning.
  void ForgetWarnings();

 private:
  // Null: the notice was answered.
  ObjectQueue* QueueFor(const ObjectNotification& notification);
  void Answer(const ObjectNotification& notification, NotificationOutcome outcome);
  void WarnUnmatched(const std::string& uri);
  // False if it was seen before, or too many were.
  bool SeesFirst(const std::string& uri);

  const CurrentSources& sources_;
  std::string config_;
  const InputFilter filter_;
  const std::map<RecordType, ObjectQueue*> queues_;
  WatchProgress& progress_;
  absl::Mutex mutex_;
  absl::flat_hash_set<std::string> warned_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace::watch

#endif  // MILLRACE_WATCH_NOTIFICATION_ROUTER_H_
