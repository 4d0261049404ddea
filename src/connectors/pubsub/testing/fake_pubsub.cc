#include "connectors/pubsub/testing/fake_pubsub.h"

#include <map>
#include <utility>

#include "absl/time/clock.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace::pubsub {

class FakeDelivery : public Delivery {
 public:
  FakeDelivery(FakePubsub& pubsub, size_t index, uint64_t lease, Message message, std::string id,
               int attempt)
      : Delivery(std::move(message), std::move(id), absl::Now(), attempt),
        pubsub_(pubsub),
        index_(index),
        lease_(lease) {}
  ~FakeDelivery() override { Nack(); }

  void Ack(Acked acked) override {
    if (std::exchange(settled_, true)) return;
    const bool taken = pubsub_.Settle(index_, lease_, /*ack=*/true, /*delay=*/false);
    if (acked) acked(taken ? absl::OkStatus() : absl::FailedPreconditionError("the lease ran out"));
  }
  void Nack() override {
    if (!std::exchange(settled_, true)) pubsub_.Settle(index_, lease_, false, false);
  }
  void NackLater() override {
    if (!std::exchange(settled_, true)) pubsub_.Settle(index_, lease_, false, true);
  }

 private:
  FakePubsub& pubsub_;
  const size_t index_;
  const uint64_t lease_;
  bool settled_ = false;
};

class FakeSubscription : public Subscription {
 public:
  explicit FakeSubscription(FakePubsub& pubsub) : pubsub_(pubsub) {}
  ~FakeSubscription() override { Close(absl::ZeroDuration()); }

  absl::StatusOr<std::unique_ptr<Delivery>> Next(std::stop_token stop) override {
    const std::stop_callback wake(stop, [this] {
      absl::MutexLock lock(&pubsub_.mutex_);
      pubsub_.changed_.SignalAll();
    });
    absl::MutexLock lock(&pubsub_.mutex_);
    for (;;) {
      if (closed_ || stop.stop_requested()) return absl::CancelledError("a stop was requested");
      if (FakePubsub::Stored* stored = pubsub_.FindWaiting()) return Deliver(*stored);
      if (!pubsub_.pull_status_.ok()) return pubsub_.pull_status_;
      pubsub_.changed_.Wait(&pubsub_.mutex_);
    }
  }

  bool Ready() override {
    absl::MutexLock lock(&pubsub_.mutex_);
    return closed_ || pubsub_.FindWaiting() != nullptr || !pubsub_.pull_status_.ok();
  }

  void Close(absl::Duration) override {
    absl::MutexLock lock(&pubsub_.mutex_);
    if (std::exchange(closed_, true)) return;
    for (FakePubsub::Stored& stored : pubsub_.stored_) {
      if (leases_.contains(stored.lease)) stored.lease = 0;
    }
    pubsub_.changed_.SignalAll();
  }

  SubscriptionCounts counts() const override {
    absl::MutexLock lock(&pubsub_.mutex_);
    return counts_;
  }

 private:
  std::unique_ptr<Delivery> Deliver(FakePubsub::Stored& stored)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(pubsub_.mutex_) {
    ++counts_.received;
    stored.lease = pubsub_.next_lease_++;
    leases_.emplace(stored.lease, true);
    size_t index = 0;
    while (&pubsub_.stored_[index] != &stored) ++index;
    return std::make_unique<FakeDelivery>(pubsub_, index, stored.lease, stored.message, stored.id,
                                          ++stored.attempts);
  }

  FakePubsub& pubsub_;  // its mutex guards what follows
  bool closed_ = false;
  std::map<uint64_t, bool> leases_;
  SubscriptionCounts counts_;
};

absl::Status FakePubsub::Publish(absl::Span<const Message> messages, std::stop_token) {
  absl::MutexLock lock(&mutex_);
  for (const Message& message : messages) RETURN_IF_ERROR(CheckMessage(message));
  if (!publish_status_.ok()) return publish_status_;
  for (const Message& message : messages) {
    stored_.push_back({.message = message, .id = StrCat("m", stored_.size())});
  }
  changed_.SignalAll();
  return absl::OkStatus();
}

std::unique_ptr<Subscription> FakePubsub::Open() {
  return std::make_unique<FakeSubscription>(*this);
}

void FakePubsub::FailPublish(absl::Status status) {
  absl::MutexLock lock(&mutex_);
  publish_status_ = std::move(status);
}

void FakePubsub::FailPull(absl::Status status) {
  absl::MutexLock lock(&mutex_);
  pull_status_ = std::move(status);
  changed_.SignalAll();
}

void FakePubsub::ExpireLeases() {
  absl::MutexLock lock(&mutex_);
  for (Stored& stored : stored_) stored.lease = 0;
  changed_.SignalAll();
}

void FakePubsub::EndDelays() {
  absl::MutexLock lock(&mutex_);
  for (Stored& stored : stored_) stored.delayed = false;
  changed_.SignalAll();
}

std::vector<Message> FakePubsub::published() const {
  absl::MutexLock lock(&mutex_);
  std::vector<Message> messages;
  for (const Stored& stored : stored_) messages.push_back(stored.message);
  return messages;
}

size_t FakePubsub::unacked() const {
  absl::MutexLock lock(&mutex_);
  size_t count = 0;
  for (const Stored& stored : stored_) count += !stored.acked;
  return count;
}

FakePubsub::Stored* FakePubsub::FindWaiting() {
  for (Stored& stored : stored_) {
    if (stored.lease == 0 && !stored.delayed && !stored.acked) return &stored;
  }
  return nullptr;
}

bool FakePubsub::Settle(size_t index, uint64_t lease, bool ack, bool delay) {
  absl::MutexLock lock(&mutex_);
  Stored& stored = stored_[index];
  if (stored.lease != lease) return false;
  stored.lease = 0;
  stored.acked = ack;
  stored.delayed = delay;
  changed_.SignalAll();
  return true;
}

}  // namespace millrace::pubsub
