// Objects that other workers hold come again, until they are done or their holders' leases run out.
#ifndef MILLRACE_IMPORT_WAITING_FEED_H_
#define MILLRACE_IMPORT_WAITING_FEED_H_

#include <deque>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "import/object_feed.h"
#include "import/object_source.h"

namespace millrace {

// Between a listing and an ObjectSource of which many share one ledger: what the source settles as
// kHeld is put aside and given again a few seconds later, behind everything else, so that a worker
// ends only when nothing is left to do, and takes over what a dead one leaves. A growing number
// put aside is asked for less often, at most fifty a second.
class WaitingFeed : public ObjectFeed {
 public:
  static constexpr size_t kMostAside = 10'000;  // then they go first
  static constexpr absl::Duration kPause = absl::Seconds(2);

  // `progress` is that of the source: what is given again has not been done yet, so its bytes count
  // back. All must outlive the feed.
  WaitingFeed(ObjectFeed& feed, SourceProgress& progress, Clock& clock)
      : feed_(feed), progress_(progress), clock_(clock) {}

  absl::StatusOr<std::optional<ListedObject>> Next(std::stop_token stop) override;
  // False while only objects that others hold are left: what is in hand must be sent now, as two
  // workers could wait for each other's.
  bool Ready() override;
  void Settle(const ObjectInfo& object, const ObjectOutcome& outcome) override;

  // Objects that others hold still.
  size_t held() const { return aside_.size(); }

 private:
  struct Aside {
    ListedObject object;
    absl::Duration due;  // clock_.Elapsed()
  };

  std::optional<ListedObject> TakeDue();
  // Objects of feed_ come before those put aside.
  bool MayTakeMore() const { return !ended_ && aside_.size() < kMostAside; }
  absl::Duration FirstDue() const { return aside_.front().due; }
  void SayThatItWaits();

  ObjectFeed& feed_;
  SourceProgress& progress_;
  Clock& clock_;
  // Used by one caller at a time; so is Settle() of objects that are held, within its calls.
  bool ended_ = false;                 // feed_ has no more
  std::optional<ListedObject> given_;  // last
  std::deque<Aside> aside_;            // by due
  absl::BitGen random_;
  absl::Duration said_at_ = -absl::InfiniteDuration();
};

}  // namespace millrace

#endif  // MILLRACE_IMPORT_WAITING_FEED_H_
