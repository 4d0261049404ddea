// Pub/Sub within the test: one topic and one subscription of it. It keeps the contracts of
// Publisher and Subscription.
#ifndef MILLRACE_CONNECTORS_PUBSUB_TESTING_FAKE_PUBSUB_H_
#define MILLRACE_CONNECTORS_PUBSUB_TESTING_FAKE_PUBSUB_H_

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "connectors/pubsub/publisher.h"
#include "connectors/pubsub/subscription.h"

namespace millrace::pubsub {

// Thread-safe. It must outlive what it opened.
class FakePubsub : public Publisher {
 public:
  absl::Status Publish(absl::Span<const Message> messages, std::stop_token stop) override;

  std::unique_ptr<Subscription> Open();

  // Publish() returns this from now on and stores nothing; Ok: normal again.
  void FailPublish(absl::Status status);
  // Next() of every subscription returns this once no message waits.
  void FailPull(absl::Status status);
  // Expires the leases of all held messages: they are redelivered.
  void ExpireLeases();
  // Messages returned by NackLater() may be redelivered.
  void EndDelays();

  std::vector<Message> published() const;  // all that ever was
  size_t unacked() const;                  // waiting, held or delayed

 private:
  friend class FakeSubscription;
  friend class FakeDelivery;

  struct Stored {
    Message message;
    std::string id;
    int attempts = 0;
    uint64_t lease = 0;  // of its holder; 0: none
    bool delayed = false;
    bool acked = false;
  };

  Stored* FindWaiting() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Settle(size_t index, uint64_t lease, bool ack, bool delay);

  mutable absl::Mutex mutex_;
  absl::CondVar changed_;
  std::deque<Stored> stored_ ABSL_GUARDED_BY(mutex_);
  absl::Status publish_status_ ABSL_GUARDED_BY(mutex_);
  absl::Status pull_status_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_lease_ ABSL_GUARDED_BY(mutex_) = 1;
};

}  // namespace millrace::pubsub

#endif  // MILLRACE_CONNECTORS_PUBSUB_TESTING_FAKE_PUBSUB_H_
