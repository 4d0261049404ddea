// Objects that other workers hold come again, until they are done or their holders' leases run out.
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

// Between a listing and an ObjectSource of which many share one ledger: what the source settles as
// kHeld, because another worker has it or has taken it over, is put aside and given again a few
// seconds later, behind everything else, so that a worker ends only when nothing is left to do, and
// takes over what a dead one leaves. The end comes only once everything that was given is settled,
// since until then it may be lost to another worker. A growing number put aside is asked for less
// often, at most fifty a second.
class HeldObjectRetryFeed : public ObjectFeed {
 public:
  static constexpr size_t kMaxAside = 10'000;  // then they go first
  static constexpr absl::Duration kPause = absl::Seconds(2);

  // `progress` is that of the source: what is given again has not been done yet, so its bytes count
  // back. All must outlive the feed.
  HeldObjectRetryFeed(ObjectFeed& feed, SourceProgress& progress, Clock& clock)
      : feed_(feed), progress_(progress), clock_(clock) {}

  absl::StatusOr<std::optional<ListedObject>> Next(std::stop_token stop) override;
  // False while only objects are left that others hold or that are in progress: what is in hand
  // must be sent now, as two workers could wait for each other's.
  bool Ready() override;
  void Ack(const ObjectInfo& object, const ObjectOutcome& outcome) override;

  // Objects that others hold still.
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
  // Objects of feed_ come before those put aside.
  bool MayTakeMore() const;
  bool HasNothingLeft() const;
  // Until an object put aside is due, or all in progress are settled. False: there is nothing to
  // wait for.
  bool AwaitOthers(const std::stop_token& stop);
  void SayThatItWaits(size_t objects, const std::string& first);

  ObjectFeed& feed_;
  SourceProgress& progress_;
  Clock& clock_;
  // Of the one caller of Next() and Ready().
  bool ended_ = false;  // feed_ has no more
  absl::Duration said_at_ = -absl::InfiniteDuration();

  mutable absl::Mutex mutex_;
  // Given and not settled, by uri: feed_ gives each once.
  absl::flat_hash_map<std::string, ListedObject> in_progress_ ABSL_GUARDED_BY(mutex_);
  std::deque<Deferred> aside_ ABSL_GUARDED_BY(mutex_);  // by due
  absl::BitGen random_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace

#endif  // MILLRACE_OBJECTS_HELD_OBJECT_RETRY_FEED_H_
