// Messages of a subscription, each kept from others until it is settled.
#ifndef MILLRACE_CONNECTORS_PUBSUB_SUBSCRIPTION_H_
#define MILLRACE_CONNECTORS_PUBSUB_SUBSCRIPTION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/retry_policy.h"
#include "connectors/pubsub/connection.h"
#include "connectors/pubsub/leases.h"
#include "connectors/pubsub/message.h"

namespace millrace::pubsub {

// One delivery of a message. Settle it once, from any thread; one that is destroyed unsettled is
// nacked. It may outlive its subscription: settling it then has no effect, and the message is
// delivered again when its lease ends.
class Delivery {
 public:
  virtual ~Delivery() = default;

  const Message& message() const { return message_; }
  const std::string& id() const { return id_; }  // of the message, the same on each delivery
  absl::Time published() const { return published_; }
  int attempt() const { return attempt_; }  // from 1; 0: not known

  // Called once, from any thread, with whether the server took the ack. Not ok: the message may be
  // delivered again. It must not block.
  using Acked = std::function<void(const absl::Status&)>;

  // The message is done. Returns at once: the ack is sent soon, together with others, and retried
  // as long as it is useful.
  virtual void Ack(Acked acked) = 0;
  void Ack() { Ack(nullptr); }
  // Requests immediate redelivery, to any consumer.
  virtual void Nack() = 0;
  // The message cannot be processed now: it is redelivered after 10 s, doubling up to 10 min each
  // time that this message fails.
  virtual void NackLater() = 0;

 protected:
  Delivery(Message message, std::string id, absl::Time published, int attempt)
      : message_(std::move(message)),
        id_(std::move(id)),
        published_(published),
        attempt_(attempt) {}

 private:
  const Message message_;
  const std::string id_;
  const absl::Time published_;
  const int attempt_;
};

// Counters of a subscription; readable from any thread.
struct SubscriptionCounts {
  uint64_t received = 0;
  uint64_t acked = 0;        // confirmed by the server
  uint64_t acks_failed = 0;  // permanently: those messages are redelivered
  uint64_t nacked = 0;
  uint64_t extended = 0;  // leases, each time
  uint64_t streams = 0;   // opened
};

// Contract: connectors/pubsub/testing/subscription_contract.h.
class Subscription {
 public:
  virtual ~Subscription() = default;  // Close()s

  // Waits for the next message; one caller at a time. Cancelled soon after `stop` is requested.
  // NotFound, PermissionDenied, Unauthenticated, InvalidArgument: the subscription cannot be read,
  // permanently; Unavailable: it could not be read until the retry policy gave up. Later calls
  // return the same error.
  virtual absl::StatusOr<std::unique_ptr<Delivery>> Next(std::stop_token stop) = 0;

  // Whether Next() would return without waiting for a message to arrive.
  virtual bool Ready() = 0;

  // Nacks messages that are held and not settled, and sends the waiting acks, for up to `grace`.
  // Idempotent; Next() then returns Cancelled.
  virtual void Close(absl::Duration grace = absl::Seconds(5)) = 0;

  virtual SubscriptionCounts counts() const = 0;
};

struct SubscriptionOptions {
  std::string name;  // as SubscriptionName() returns it
  // The limits of held messages: those that wait for Next() and those that Next() returned and are
  // not settled. One message of any size is still accepted.
  size_t max_messages = 1000;
  size_t max_bytes = 32 << 20;
  LeaseOptions leases;
  // For streams that break, which is routine with Pub/Sub, and for acks. By default it never gives
  // up: it logs and continues.
  RetryPolicy retry = {.initial = absl::Milliseconds(100),
                       .max = absl::Seconds(30),
                       .min_jitter = absl::ZeroDuration(),
                       .max_jitter = absl::Milliseconds(100),
                       .give_up_after = absl::InfiniteDuration()};
};

// Starts pulling at once, with threads of its own. `connection` and `clock` must outlive it.
std::unique_ptr<Subscription> OpenSubscription(Connection& connection, SubscriptionOptions options,
                                               Clock& clock = Clock::Real());

// The delay of NackLater() after a message has failed for the `failures`-th time.
absl::Duration NackDelay(int failures);

}  // namespace millrace::pubsub

#endif  // MILLRACE_CONNECTORS_PUBSUB_SUBSCRIPTION_H_
