// The messages that are held, and when each lease must be extended. No threads, no clock, no
// network: the state of the subscription decides with it what to do.
#ifndef MILLRACE_CONNECTORS_PUBSUB_LEASES_H_
#define MILLRACE_CONNECTORS_PUBSUB_LEASES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"

namespace millrace::pubsub {

struct LeaseOptions {
  absl::Duration first = absl::Seconds(60);     // of a message that has just arrived
  absl::Duration min = absl::Seconds(10);       // of an extension; 10 s is Pub/Sub's minimum
  absl::Duration max = absl::Seconds(600);      // Pub/Sub's maximum
  absl::Duration max_held = absl::Minutes(60);  // how long a message is kept from others
};

// Times are of a monotonic clock. Not thread-safe.
class Leases {
 public:
  using Handle = uint64_t;

  explicit Leases(const LeaseOptions& options) : options_(options) {}

  // A message of `bytes` arrived. `extend_now`: its lease is extended at once, which tells the
  // server that it arrived.
  Handle Add(std::string ack_id, size_t bytes, absl::Duration now, bool extend_now);

  // The consumer is done with the message: its bytes no longer count, and its processing time is
  // recorded. Its lease is extended until Remove(). Returns its ack id; "" if it is not held.
  std::string Settle(Handle handle, absl::Duration now);

  // The message is no longer held. Returns its ack id; "" if it was not.
  std::string Remove(Handle handle);

  // The ack ids whose lease must be extended by extension() now. A message held for max_held is not
  // extended again: the server will deliver it to another consumer.
  std::vector<std::string> TakeDue(absl::Duration now);

  // Removes the messages that the consumer has not settled, and returns their ack ids.
  std::vector<std::string> TakeUnsettled();

  // The extension of these failed: they are due again at `until`.
  void Postpone(const std::vector<std::string>& ack_ids, absl::Duration until);

  // When TakeDue() will next return something; InfiniteDuration if never.
  absl::Duration NextDue() const;

  // Long enough for 99 of 100 of the last messages, between options.least and options.most.
  absl::Duration extension() const;

  // From now on extensions are at least this long.
  void SetLeast(absl::Duration min) { options_.min = min; }

  size_t messages() const { return held_.size(); }
  size_t bytes() const { return bytes_; }

 private:
  struct Held {
    std::string ack_id;
    size_t bytes = 0;
    absl::Duration since;
    absl::Duration due;
    bool settled = false;
  };

  LeaseOptions options_;
  absl::flat_hash_map<Handle, Held> held_;
  size_t bytes_ = 0;
  Handle next_ = 1;
  std::vector<absl::Duration> taken_;  // by the last messages, a ring
  size_t taken_at_ = 0;
};

}  // namespace millrace::pubsub

#endif  // MILLRACE_CONNECTORS_PUBSUB_LEASES_H_
