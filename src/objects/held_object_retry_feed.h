// Offers objects that other workers hold again, until they are done or their leases expire.
#ifndef MILLRACE_OBJECTS_HELD_OBJECT_RETRY_FEED_H_
#define MILLRACE_OBJECTS_HELD_OBJECT_RETRY_FEED_H_

#include <deque>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/random/random.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "objects/object_feed.h"
#include "objects/object_source.h"

namespace millrace {

// A feed between a listing and an ObjectSource, for workers that share one ledger. Objects that the
// source acknowledges as kHeld, because another worker has them or has taken them over, are
// deferred and offered again a few seconds later, after everything else. So a worker ends only when
// nothing is left to do, and takes over the objects of a dead worker. The feed ends only after
// every object is acknowledged, because until then another worker may take it over. The more
// objects are deferred, the less often each is retried, at most fifty per second in total.
class HeldObjectRetryFeed : public ObjectFeed {
 public:
  static constexpr size_t kMaxAside = 10'000;  // above this, deferred objects go first
  static constexpr absl::Duration kPause = absl::Seconds(2);

  // `progress` is that of the source: an object that is offered again is not done yet, so its bytes
  // are subtracted. All must outlive the feed.
  HeldObjectRetryFeed(ObjectFeed& feed, SourceProgress& progress, Clock& clock)
      : feed_(feed), progress_(progress), clock_(clock) {}

  absl::StatusOr<std::optional<ListedObject>> Next(std::stop_token stop) override;
  // False while only objects are left that others hold or that are in progress: the caller must
  // send its buffered rows now, because two workers could wait for each other.
  bool Ready() override;
  void Ack(const ObjectInfo& object, const ObjectOutcome& outcome) override;

  // Objects that others still hold.
  size_t held() const {
    absl::MutexLock lock(&mutex_);
    return aside_.size();
  }

 private:
  struct Deferred {
    ListedObject object;
    absl::Duration due;  // clock_.Elapsed()
  };

  std::optional<ListedObject> TakeDue();
  std::optional<ListedObject> Give(ListedObject object);
  // Objects of feed_ come before deferred objects.
  bool MayTakeMore() const;
  bool HasNothingLeft() const;
  // Waits until a deferred object is due, or all objects in progress are acknowledged. False: there
  // is nothing to wait for.
  bool AwaitOthers(const std::stop_token& stop);
  void SayThatItWaits(size_t objects, const std::string& first);

  ObjectFeed& feed_;
  SourceProgress& progress_;
  Clock& clock_;
  // Used only by the one caller of Next() and Ready().
  bool ended_ = false;  // feed_ has ended
  absl::Duration said_at_ = -absl::InfiniteDuration();

  mutable absl::Mutex mutex_;
  // Offered and not acknowledged, by uri: feed_ offers each once.
  absl::flat_hash_map<std::string, ListedObject> in_progress_ ABSL_GUARDED_BY(mutex_);
  std::deque<Deferred> aside_ ABSL_GUARDED_BY(mutex_);  // by due
  absl::BitGen random_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace

#endif  // MILLRACE_OBJECTS_HELD_OBJECT_RETRY_FEED_H_
