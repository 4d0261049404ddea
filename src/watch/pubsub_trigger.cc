#include "watch/pubsub_trigger.h"

#include <pthread.h>

#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "connectors/pubsub/gcs_notification.h"

namespace millrace::watch {
namespace {

void Ack(pubsub::Delivery& delivery, const NotificationResult& result) {
  if (result.settled()) {
    delivery.Ack();
  } else if (result.outcome == NotificationOutcome::kFailed ||
             result.outcome == NotificationOutcome::kHeld) {
    delivery.NackLater();
  } else {
    delivery.Nack();
  }
}

}  // namespace

PubsubTrigger::PubsubTrigger(std::unique_ptr<pubsub::Subscription> subscription,
                             NotificationRouter& router,
                             std::function<void(const absl::Status&)> on_failure)
    : subscription_(std::move(subscription)),
      router_(router),
      on_failure_(std::move(on_failure)),
      thread_([this](std::stop_token stop) { Run(std::move(stop)); }) {
  pthread_setname_np(thread_.native_handle(), "watch-pubsub");
}

PubsubTrigger::~PubsubTrigger() {
  Stop();
  if (thread_.joinable()) thread_.join();
  subscription_->Close();
}

void PubsubTrigger::Stop() { thread_.request_stop(); }

void PubsubTrigger::Run(std::stop_token stop) {
  while (true) {
    absl::StatusOr<std::unique_ptr<pubsub::Delivery>> delivery = subscription_->Next(stop);
    if (stop.stop_requested()) return;
    if (!delivery.ok()) return on_failure_(delivery.status());
    Offer(*std::move(delivery), stop);
  }
}

void PubsubTrigger::Offer(std::unique_ptr<pubsub::Delivery> delivery, std::stop_token stop) {
  const pubsub::Message& message = delivery->message();
  const auto parsed = pubsub::ParseGcsNotification(message.attributes, message.data);
  if (!parsed.ok()) {
    Log(Severity::kWarning,
        "a Pub/Sub message is not a notification; it is acknowledged and skipped",
        {{"message_id", delivery->id()}, {"error", ToStd(parsed.status().message())}});
  }
  if (!parsed.ok() || !parsed->has_value()) {
    delivery->Ack();
    return;
  }
  // Shared, because the callable that holds it must be copyable.
  const std::shared_ptr<pubsub::Delivery> shared = std::move(delivery);
  ObjectNotification notification{
      .uri = (*parsed)->uri, .trigger = "pubsub", .written = (*parsed)->written};
  notification.ack = [shared](const NotificationResult& result) { Ack(*shared, result); };
  // No longer offered: the delivery is returned with the notification.
  (void)router_.OfferBlocking(std::move(notification), std::move(stop));
}

}  // namespace millrace::watch
