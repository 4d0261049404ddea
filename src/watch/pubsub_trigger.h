// Notifications of Cloud Storage from a Pub/Sub subscription.
#ifndef MILLRACE_WATCH_PUBSUB_TRIGGER_H_
#define MILLRACE_WATCH_PUBSUB_TRIGGER_H_

#include <functional>
#include <memory>
#include <thread>

#include "absl/status/status.h"
#include "connectors/pubsub/subscription.h"
#include "watch/notification_router.h"
#include "watch/trigger.h"

namespace millrace::watch {

// Acknowledges a message when its object is done in the ledger or needs no work; delays it if the
// object cannot be read or another worker has it; and returns it immediately if there is no room or
// the watch ends. Acknowledges a message that is not a notification, with a warning, because
// another delivery would not change it.
class PubsubTrigger : public Trigger {
 public:
  // `on_failure` is called once, from the trigger's thread, if reading the subscription fails
  // permanently. The router outlives it.
  PubsubTrigger(std::unique_ptr<pubsub::Subscription> subscription, NotificationRouter& router,
                std::function<void(const absl::Status&)> on_failure);
  ~PubsubTrigger() override;

  void Stop() override;

 private:
  void Run(std::stop_token stop);
  void Offer(std::unique_ptr<pubsub::Delivery> delivery, std::stop_token stop);

  const std::unique_ptr<pubsub::Subscription> subscription_;
  NotificationRouter& router_;
  const std::function<void(const absl::Status&)> on_failure_;
  std::jthread thread_;  // last
};

}  // namespace millrace::watch

#endif  // MILLRACE_WATCH_PUBSUB_TRIGGER_H_
