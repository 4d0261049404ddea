// The state that a subscription and its deliveries share: the messages held from their arrival
// until the server confirms that they are settled.
#ifndef MILLRACE_CONNECTORS_PUBSUB_HELD_MESSAGES_H_
#define MILLRACE_CONNECTORS_PUBSUB_HELD_MESSAGES_H_

#include <deque>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "connectors/pubsub/ack_queue.h"
#include "connectors/pubsub/leases.h"
#include "connectors/pubsub/subscription.h"

namespace millrace::pubsub {

struct ArrivedMessage {
  Message message;
  std::string ack_id;
  std::string id;
  absl::Time published;
  int attempt = 0;
  size_t bytes = 0;
};

// Thread-safe. Deliveries share it with their subscription, because they may outlive it.
class HeldMessages {
 public:
  // `transport` is not used after Close(); `clock` must outlive it.
  HeldMessages(const SubscriptionOptions& options, AckTransport& transport, Clock& clock);

  // For the stream.
  void Add(ArrivedMessage arrived, bool extend_now);
  // Waits until less is held than the limits allow; false once `stop` is requested.
  bool WaitForRoom(std::stop_token stop);
  // Next() returns `status` from now on, after the messages that have arrived.
  void Fail(absl::Status status);
  void CountStream();
  void SetLeastLease(absl::Duration min);

  // For the leases: which must be extended, and by how much. Returns at `until` at the latest.
  struct Due {
    std::vector<std::string> ack_ids;
    int seconds = 0;
  };
  Due WaitForDue(absl::Duration until, std::stop_token stop);
  void Extended(const std::vector<std::string>& ack_ids, const AckResponse& reply);

  // For the consumer: see Subscription.
  static absl::StatusOr<std::unique_ptr<Delivery>> Next(const std::shared_ptr<HeldMessages>& held,
                                                        std::stop_token stop);
  bool Ready();
  void Close(absl::Duration grace);
  SubscriptionCounts counts() const;

  // For a delivery.
  static void Ack(const std::shared_ptr<HeldMessages>& held, Leases::Handle handle,
                  const std::string& id, Delivery::Acked acked);
  void Nack(Leases::Handle handle);
  void NackLater(Leases::Handle handle, const std::string& id, int attempt);

 private:
  struct Waiting {
    ArrivedMessage arrived;
    Leases::Handle handle = 0;
  };

  void Acked(Leases::Handle handle, const absl::Status& status);
  void SendNack(const std::string& ack_id, absl::Duration delay)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t max_messages_;
  const size_t max_bytes_;
  Clock& clock_;
  mutable absl::Mutex mutex_;
  absl::CondVar changed_;
  Leases leases_ ABSL_GUARDED_BY(mutex_);
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, int> failures_ ABSL_GUARDED_BY(mutex_);  // by message id
  absl::Status failed_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  SubscriptionCounts counts_ ABSL_GUARDED_BY(mutex_);
  // Its own lock is taken under mutex_, never in the other order.
  AckQueue queue_;
};

}  // namespace millrace::pubsub

#endif  // MILLRACE_CONNECTORS_PUBSUB_HELD_MESSAGES_H_
