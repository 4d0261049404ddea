// Sends acks and nacks in batches, and retries those that are still useful.
#ifndef MILLRACE_CONNECTORS_PUBSUB_ACK_QUEUE_H_
#define MILLRACE_CONNECTORS_PUBSUB_ACK_QUEUE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/retry_policy.h"

namespace millrace::pubsub {

// Requests above 512 KiB are refused.
inline constexpr size_t kMaxAckBytes = 500'000;
inline constexpr size_t kMaxAckIds = 2'500;

// The result of a request about ack ids. Subscriptions with exactly-once delivery report it for
// each id.
struct AckResponse {
  absl::Status status;
  // Ids that failed individually: "PERMANENT_FAILURE_..." or "TRANSIENT_FAILURE_...". If there are
  // any, the others succeeded, regardless of `status`.
  std::map<std::string, std::string> failed;

  // The result for `ack_id`. FailedPrecondition: the id is permanently invalid.
  absl::Status StatusOf(const std::string& ack_id) const;
};

// Thread-safe, blocking; `stop` ends a call early.
class AckTransport {
 public:
  virtual ~AckTransport() = default;
  virtual AckResponse Acknowledge(const std::vector<std::string>& ack_ids,
                                  std::stop_token stop) = 0;
  // 0 seconds: deliver again at once.
  virtual AckResponse ModifyDeadline(const std::vector<std::string>& ack_ids, int seconds,
                                     std::stop_token stop) = 0;
};

// Thread-safe; owns one thread.
class AckQueue {
 public:
  using Done = std::function<void(const absl::Status&)>;

  // `retry`.give_up_after counts for each id, from its first try. Both must outlive it.
  AckQueue(AckTransport& transport, const RetryPolicy& retry, Clock& clock);
  ~AckQueue();

  // Return at once. `done` is called once, from the queue's thread or in its destructor.
  void Ack(std::string ack_id, Done done);
  void Nack(std::string ack_id, absl::Duration delay, Done done);

  // Sends the waiting items immediately, once, for up to `grace`, without a retry. Afterwards every
  // `done` was called, with success or an error.
  void Flush(absl::Duration grace);

 private:
  static constexpr int kAck = -1;

  struct Item {
    std::string ack_id;
    int seconds = kAck;  // of a new deadline
    Done done;
    int tries = 0;
    absl::Duration first_try = absl::InfiniteDuration();
    absl::Duration not_before;
  };

  void Add(std::string ack_id, int seconds, Done done);
  void Run(std::stop_token stop);
  std::vector<Item> NextBatch(std::stop_token stop);
  std::vector<Item> TakeReady(absl::Duration now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Finish(std::vector<Item> batch, const AckResponse& reply);

  AckTransport& transport_;
  const RetryPolicy retry_;
  Clock& clock_;
  absl::Mutex mutex_;
  absl::CondVar changed_;
  std::deque<Item> items_ ABSL_GUARDED_BY(mutex_);
  size_t in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  bool flushing_ ABSL_GUARDED_BY(mutex_) = false;
  absl::BitGen random_;  // of the thread
  std::jthread thread_;
};

}  // namespace millrace::pubsub

#endif  // MILLRACE_CONNECTORS_PUBSUB_ACK_QUEUE_H_
