#include "connectors/pubsub/ack_queue.h"

#include <pthread.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/strings.h"

namespace millrace::pubsub {
namespace {

// Acks that arrive together are sent together.
constexpr absl::Duration kGather = absl::Milliseconds(10);
constexpr int kMaxSeconds = 600;

bool IsTransientFailure(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsInternal(status) || absl::IsAborted(status) || absl::IsResourceExhausted(status) ||
         absl::IsUnknown(status);
}

}  // namespace

absl::Status AckResponse::StatusOf(const std::string& ack_id) const {
  if (failed.empty()) return status;
  const auto found = failed.find(ack_id);
  if (found == failed.end()) return absl::OkStatus();
  if (found->second.starts_with("TRANSIENT_")) return absl::UnavailableError(found->second);
  return absl::FailedPreconditionError(found->second);
}

AckQueue::AckQueue(AckTransport& transport, const RetryPolicy& retry, Clock& clock)
    : transport_(transport),
      retry_(retry),
      clock_(clock),
      thread_([this](std::stop_token stop) { Run(std::move(stop)); }) {
  pthread_setname_np(thread_.native_handle(), "ps-ack");
}

AckQueue::~AckQueue() { Flush(absl::ZeroDuration()); }

void AckQueue::Ack(std::string ack_id, Done done) { Add(std::move(ack_id), kAck, std::move(done)); }

void AckQueue::Nack(std::string ack_id, absl::Duration delay, Done done) {
  const double seconds = std::ceil(absl::ToDoubleSeconds(delay));
  Add(std::move(ack_id), static_cast<int>(std::clamp<double>(seconds, 0, kMaxSeconds)),
      std::move(done));
}

void AckQueue::Add(std::string ack_id, int seconds, Done done) {
  absl::MutexLock lock(&mutex_);
  items_.push_back({.ack_id = std::move(ack_id),
                    .seconds = seconds,
                    .done = std::move(done),
                    .not_before = clock_.Elapsed() + kGather});
  changed_.SignalAll();
}

void AckQueue::Flush(absl::Duration grace) {
  const absl::Duration until = clock_.Elapsed() + grace;
  std::deque<Item> left;
  {
    absl::MutexLock lock(&mutex_);
    flushing_ = true;
    changed_.SignalAll();
    for (absl::Duration now; (now = clock_.Elapsed()) < until && items_.size() + in_flight_ > 0;) {
      changed_.WaitWithTimeout(&mutex_, until - now);
    }
  }
  thread_.request_stop();
  {
    absl::MutexLock lock(&mutex_);
    changed_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
  {
    absl::MutexLock lock(&mutex_);
    left.swap(items_);
  }
  for (const Item& item : left) {
    if (item.done) item.done(absl::CancelledError("the subscription was closed"));
  }
}

void AckQueue::Run(std::stop_token stop) {
  for (;;) {
    std::vector<Item> batch = NextBatch(stop);
    if (batch.empty()) return;
    std::vector<std::string> ack_ids;
    for (const Item& item : batch) ack_ids.push_back(item.ack_id);
    const int seconds = batch.front().seconds;
    const AckResponse reply = seconds == kAck ? transport_.Acknowledge(ack_ids, stop)
                                              : transport_.ModifyDeadline(ack_ids, seconds, stop);
    Finish(std::move(batch), reply);
  }
}

// Empty once a stop is requested.
std::vector<AckQueue::Item> AckQueue::NextBatch(std::stop_token stop) {
  absl::MutexLock lock(&mutex_);
  while (!stop.stop_requested()) {
    const absl::Duration now = clock_.Elapsed();
    std::vector<Item> batch = TakeReady(now);
    if (!batch.empty()) {
      in_flight_ = batch.size();
      return batch;
    }
    absl::Duration wait = absl::InfiniteDuration();
    for (const Item& item : items_) wait = std::min(wait, item.not_before - now);
    changed_.WaitWithTimeout(&mutex_, wait);
  }
  return {};
}

// The items of one kind that may be sent now, as many as one request holds.
std::vector<AckQueue::Item> AckQueue::TakeReady(absl::Duration now) {
  std::vector<Item> batch;
  std::deque<Item> rest;
  size_t bytes = 0;
  for (Item& item : items_) {
    const bool ready = flushing_ || item.not_before <= now;
    const bool fits =
        batch.empty() || (item.seconds == batch.front().seconds && batch.size() < kMaxAckIds &&
                          bytes + item.ack_id.size() + 4 <= kMaxAckBytes);
    if (!ready || !fits) {
      rest.push_back(std::move(item));
      continue;
    }
    bytes += item.ack_id.size() + 4;
    item.first_try = std::min(item.first_try, now);
    ++item.tries;
    batch.push_back(std::move(item));
  }
  items_.swap(rest);
  return batch;
}

void AckQueue::Finish(std::vector<Item> batch, const AckResponse& reply) {
  std::vector<std::pair<Done, absl::Status>> done;
  {
    absl::MutexLock lock(&mutex_);
    const absl::Duration now = clock_.Elapsed();
    for (Item& item : batch) {
      const absl::Status status = reply.StatusOf(item.ack_id);
      const absl::Duration wait = retry_.WaitAfter(item.tries, absl::ZeroDuration(), random_);
      if (IsTransientFailure(status) && !flushing_ &&
          now + wait <= item.first_try + retry_.give_up_after) {
        item.not_before = now + wait;
        items_.push_back(std::move(item));
      } else if (item.done) {
        done.emplace_back(std::move(item.done), status);
      }
    }
  }
  for (const auto& [call, status] : done) call(status);
  absl::MutexLock lock(&mutex_);
  in_flight_ = 0;
  changed_.SignalAll();
}

}  // namespace millrace::pubsub
