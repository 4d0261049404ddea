#include "connectors/pubsub/held_messages.h"

#include <algorithm>
#include <utility>

namespace millrace::pubsub {
namespace {

constexpr size_t kMaxFailures = 10'000;
constexpr absl::Duration kFirstDelay = absl::Seconds(10);
constexpr absl::Duration kMaxDelay = absl::Seconds(600);
// A failed extension is tried again soon: the lease is still valid for a third of its time.
constexpr absl::Duration kExtendAgain = absl::Seconds(1);

class HeldDelivery : public Delivery {
 public:
  HeldDelivery(std::shared_ptr<HeldMessages> held, Leases::Handle handle, ArrivedMessage arrived)
      : Delivery(std::move(arrived.message), std::move(arrived.id), arrived.published,
                 arrived.attempt),
        held_(std::move(held)),
        handle_(handle) {}
  ~HeldDelivery() override {
    if (held_ != nullptr) held_->Nack(handle_);
  }

  void Ack(Acked acked) override {
    if (const auto held = std::move(held_))
      HeldMessages::Ack(held, handle_, id(), std::move(acked));
  }
  void Nack() override {
    if (const auto held = std::move(held_)) held->Nack(handle_);
  }
  void NackLater() override {
    if (const auto held = std::move(held_)) held->NackLater(handle_, id(), attempt());
  }

 private:
  std::shared_ptr<HeldMessages> held_;  // null once settled
  const Leases::Handle handle_;
};

RetryPolicy ForAcks(RetryPolicy retry) {
  retry.give_up_after = kMaxDelay;
  return retry;
}

}  // namespace

absl::Duration NackDelay(int failures) {
  return std::min(kMaxDelay, kFirstDelay * (int64_t{1} << std::clamp(failures - 1, 0, 10)));
}

HeldMessages::HeldMessages(const SubscriptionOptions& options, AckTransport& transport,
                           Clock& clock)
    : max_messages_(options.max_messages),
      max_bytes_(options.max_bytes),
      clock_(clock),
      leases_(options.leases),
      queue_(transport, ForAcks(options.retry), clock) {}

void HeldMessages::Add(ArrivedMessage arrived, bool extend_now) {
  absl::MutexLock lock(&mutex_);
  if (closed_) return;
  ++counts_.received;
  const Leases::Handle handle =
      leases_.Add(arrived.ack_id, arrived.bytes, clock_.Elapsed(), extend_now);
  waiting_.push_back({std::move(arrived), handle});
  changed_.SignalAll();
}

bool HeldMessages::WaitForRoom(std::stop_token stop) {
  const std::stop_callback wake(stop, [this] {
    absl::MutexLock lock(&mutex_);
    changed_.SignalAll();
  });
  absl::MutexLock lock(&mutex_);
  while (!stop.stop_requested()) {
    if (leases_.messages() < max_messages_ && leases_.bytes() < max_bytes_) return true;
    changed_.Wait(&mutex_);
  }
  return false;
}

void HeldMessages::Fail(absl::Status status) {
  absl::MutexLock lock(&mutex_);
  failed_ = std::move(status);
  changed_.SignalAll();
}

void HeldMessages::CountStream() {
  absl::MutexLock lock(&mutex_);
  ++counts_.streams;
}

void HeldMessages::SetLeastLease(absl::Duration min) {
  absl::MutexLock lock(&mutex_);
  leases_.SetLeast(min);
}

HeldMessages::Due HeldMessages::WaitForDue(absl::Duration until, std::stop_token stop) {
  const std::stop_callback wake(stop, [this] {
    absl::MutexLock lock(&mutex_);
    changed_.SignalAll();
  });
  absl::MutexLock lock(&mutex_);
  while (!stop.stop_requested()) {
    const absl::Duration now = clock_.Elapsed();
    if (std::vector<std::string> due = leases_.TakeDue(now); !due.empty()) {
      return {std::move(due), static_cast<int>(absl::ToInt64Seconds(leases_.extension()))};
    }
    if (now >= until) break;
    changed_.WaitWithTimeout(&mutex_, std::min(until, leases_.NextDue()) - now);
  }
  return {};
}

void HeldMessages::Extended(const std::vector<std::string>& ack_ids, const AckResponse& reply) {
  std::vector<std::string> again;
  for (const std::string& ack_id : ack_ids) {
    if (absl::IsUnavailable(reply.StatusOf(ack_id)) || (reply.failed.empty() && !reply.status.ok()))
      again.push_back(ack_id);
  }
  absl::MutexLock lock(&mutex_);
  counts_.extended += ack_ids.size() - std::max(again.size(), reply.failed.size());
  if (!again.empty()) leases_.Postpone(again, clock_.Elapsed() + kExtendAgain);
}

absl::StatusOr<std::unique_ptr<Delivery>> HeldMessages::Next(
    const std::shared_ptr<HeldMessages>& held, std::stop_token stop) {
  HeldMessages& self = *held;
  const std::stop_callback wake(stop, [&self] {
    absl::MutexLock lock(&self.mutex_);
    self.changed_.SignalAll();
  });
  absl::MutexLock lock(&self.mutex_);
  for (;;) {
    if (self.closed_ || stop.stop_requested()) {
      return absl::CancelledError("a stop was requested");
    }
    if (!self.waiting_.empty()) break;
    if (!self.failed_.ok()) return self.failed_;
    self.changed_.Wait(&self.mutex_);
  }
  Waiting next = std::move(self.waiting_.front());
  self.waiting_.pop_front();
  return std::make_unique<HeldDelivery>(held, next.handle, std::move(next.arrived));
}

bool HeldMessages::Ready() {
  absl::MutexLock lock(&mutex_);
  return closed_ || !waiting_.empty() || !failed_.ok();
}

void HeldMessages::Close(absl::Duration grace) {
  {
    absl::MutexLock lock(&mutex_);
    if (!closed_) {
      for (const std::string& ack_id : leases_.TakeUnsettled()) {
        SendNack(ack_id, absl::ZeroDuration());
      }
    }
    closed_ = true;
    waiting_.clear();
    changed_.SignalAll();
  }
  queue_.Flush(grace);
}

SubscriptionCounts HeldMessages::counts() const {
  absl::MutexLock lock(&mutex_);
  return counts_;
}

void HeldMessages::Ack(const std::shared_ptr<HeldMessages>& held, Leases::Handle handle,
                       const std::string& id, Delivery::Acked acked) {
  {
    HeldMessages& self = *held;
    absl::MutexLock lock(&self.mutex_);
    if (!self.closed_) {
      self.failures_.erase(id);
      self.queue_.Ack(self.leases_.Settle(handle, self.clock_.Elapsed()),
                      [held, handle, acked = std::move(acked)](const absl::Status& status) {
                        held->Acked(handle, status);
                        if (acked) acked(status);
                      });
      self.changed_.SignalAll();
      return;
    }
  }
  if (acked) acked(absl::CancelledError("the subscription was closed"));
}

void HeldMessages::Acked(Leases::Handle handle, const absl::Status& status) {
  absl::MutexLock lock(&mutex_);
  leases_.Remove(handle);
  ++(status.ok() ? counts_.acked : counts_.acks_failed);
  changed_.SignalAll();
}

void HeldMessages::Nack(Leases::Handle handle) {
  absl::MutexLock lock(&mutex_);
  if (!closed_) SendNack(leases_.Remove(handle), absl::ZeroDuration());
}

void HeldMessages::NackLater(Leases::Handle handle, const std::string& id, int attempt) {
  absl::MutexLock lock(&mutex_);
  if (closed_) return;
  // If the failure count of a message is lost, the message is only redelivered sooner.
  if (failures_.size() >= kMaxFailures) failures_.clear();
  const int failures = std::max(++failures_[id], attempt);
  SendNack(leases_.Remove(handle), NackDelay(failures));
}

void HeldMessages::SendNack(const std::string& ack_id, absl::Duration delay) {
  ++counts_.nacked;
  queue_.Nack(ack_id, delay, nullptr);
  changed_.SignalAll();
}

}  // namespace millrace::pubsub
