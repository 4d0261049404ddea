// The contract of every Subscription and Publisher (connectors/pubsub), as a test suite: of the
// fake, and of the real ones against real servers. Include it in one file of a test program.
#ifndef MILLRACE_CONNECTORS_PUBSUB_TESTING_SUBSCRIPTION_CONTRACT_H_
#define MILLRACE_CONNECTORS_PUBSUB_TESTING_SUBSCRIPTION_CONTRACT_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "base/strings.h"
#include "connectors/pubsub/publisher.h"
#include "connectors/pubsub/subscription.h"

namespace millrace::pubsub {

// One topic with one subscription, empty at first.
class PubsubFixture {
 public:
  virtual ~PubsubFixture() = default;
  virtual Publisher& publisher() = 0;
  // Each one opens the same subscription.
  virtual std::unique_ptr<Subscription> Open() = 0;
};

// Null: the server is not installed here, and the test is skipped.
using PubsubMaker = std::unique_ptr<PubsubFixture> (*)();

class SubscriptionContract : public testing::TestWithParam<PubsubMaker> {
 protected:
  void SetUp() override {
    fixture_ = GetParam()();
    if (fixture_ == nullptr) GTEST_SKIP() << "the server is not installed here";
  }

  std::unique_ptr<Subscription> Open() { return fixture_->Open(); }

  void MustPublish(const std::vector<Message>& messages) {
    const absl::Status status = fixture_->publisher().Publish(messages, {});
    ASSERT_TRUE(status.ok()) << status;
  }
  absl::Status Publish(const std::vector<Message>& messages) {
    return fixture_->publisher().Publish(messages, {});
  }

  static Message Text(std::string text) { return {.data = std::move(text), .attributes = {}}; }

  static std::unique_ptr<Delivery> MustNext(Subscription& subscription) {
    absl::StatusOr<std::unique_ptr<Delivery>> next = subscription.Next({});
    EXPECT_TRUE(next.ok()) << next.status();
    return next.ok() ? *std::move(next) : nullptr;
  }

  static std::string NextText(Subscription& subscription) {
    const std::unique_ptr<Delivery> delivery = MustNext(subscription);
    if (delivery == nullptr) return "";
    MustAck(*delivery);
    return delivery->message().data;
  }

  // Waits for the server's word.
  static void MustAck(Delivery& delivery) {
    absl::Notification acked;
    absl::Status status;
    delivery.Ack([&](const absl::Status& result) {
      status = result;
      acked.Notify();
    });
    ASSERT_TRUE(acked.WaitForNotificationWithTimeout(absl::Seconds(60)));
    EXPECT_TRUE(status.ok()) << status;
  }

 private:
  std::unique_ptr<PubsubFixture> fixture_;
};

TEST_P(SubscriptionContract, AMessageArrivesWhole) {
  std::string all_bytes;
  for (int c = 0; c < 256; ++c) all_bytes.push_back(static_cast<char>(c));
  const auto subscription = Open();
  MustPublish({{.data = all_bytes, .attributes = {{"eventType", "OBJECT_FINALIZE"}, {"ü", "€"}}}});
  const auto delivery = MustNext(*subscription);
  ASSERT_NE(delivery, nullptr);
  EXPECT_EQ(delivery->message().data, all_bytes);
  EXPECT_EQ(delivery->message().attributes.at("eventType"), "OBJECT_FINALIZE");
  EXPECT_EQ(delivery->message().attributes.at("ü"), "€");
  EXPECT_NE(delivery->id(), "");
  EXPECT_GT(delivery->published(), absl::FromUnixSeconds(1'700'000'000));
  MustAck(*delivery);
}

TEST_P(SubscriptionContract, MoreThanARequestHoldsArrivesToo) {
  std::vector<Message> messages;
  for (int i = 0; i < 1'100; ++i) messages.push_back(Text(StrCat("n", i)));
  for (int i = 0; i < 3; ++i) messages.push_back(Text(std::string(1'000'000, 'a' + i)));
  MustPublish(messages);
  const auto subscription = Open();
  std::set<std::string> texts;
  while (texts.size() < messages.size()) {
    const auto delivery = MustNext(*subscription);
    ASSERT_NE(delivery, nullptr);
    texts.insert(delivery->message().data);
    delivery->Ack();
  }
  for (const Message& message : messages) EXPECT_EQ(texts.count(message.data), 1u);
}

TEST_P(SubscriptionContract, WhatIsAckedDoesNotComeAgain) {
  MustPublish({Text("a"), Text("b")});
  {
    const auto subscription = Open();
    EXPECT_THAT((std::set<std::string>{NextText(*subscription), NextText(*subscription)}),
                testing::ElementsAre("a", "b"));
  }
  const auto subscription = Open();
  MustPublish({Text("later")});
  EXPECT_EQ(NextText(*subscription), "later");
}

TEST_P(SubscriptionContract, WhatIsNackedComesAgain) {
  const auto subscription = Open();
  MustPublish({Text("a")});
  const auto first = MustNext(*subscription);
  ASSERT_NE(first, nullptr);
  first->Nack();
  const auto second = MustNext(*subscription);
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(second->id(), first->id());
  MustAck(*second);
}

TEST_P(SubscriptionContract, WhatIsDroppedUnsettledComesAgain) {
  const auto subscription = Open();
  MustPublish({Text("a")});
  MustNext(*subscription).reset();
  EXPECT_EQ(NextText(*subscription), "a");
}

TEST_P(SubscriptionContract, WhatIsSettledTwiceCountsOnce) {
  const auto subscription = Open();
  MustPublish({Text("a"), Text("b")});
  const auto delivery = MustNext(*subscription);
  ASSERT_NE(delivery, nullptr);
  MustAck(*delivery);
  delivery->Nack();
  delivery->NackLater();
  EXPECT_NE(NextText(*subscription), delivery->message().data);
}

TEST_P(SubscriptionContract, CloseGivesBackWhatIsHeld) {
  MustPublish({Text("a"), Text("b"), Text("c")});
  const auto first = Open();
  const auto held = MustNext(*first);
  EXPECT_NE(NextText(*first), "");
  first->Close();
  first->Close();
  EXPECT_TRUE(absl::IsCancelled(first->Next({}).status()));
  const auto second = Open();
  const std::string one = NextText(*second);
  EXPECT_NE(one, NextText(*second));
}

TEST_P(SubscriptionContract, ADeliveryMayOutliveItsSubscription) {
  MustPublish({Text("a")});
  auto subscription = Open();
  const auto delivery = MustNext(*subscription);
  subscription.reset();
  delivery->Ack();
  EXPECT_EQ(NextText(*Open()), "a");
}

TEST_P(SubscriptionContract, AStopEndsTheWait) {
  const auto subscription = Open();
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_TRUE(absl::IsCancelled(subscription->Next(stop.get_token()).status()));
  MustPublish({Text("a")});
  EXPECT_EQ(NextText(*subscription), "a");
}

TEST_P(SubscriptionContract, ReadySaysThatSomethingWaits) {
  const auto subscription = Open();
  MustPublish({Text("a"), Text("b")});
  const auto first = MustNext(*subscription);
  const auto second = MustNext(*subscription);
  EXPECT_FALSE(subscription->Ready());
  subscription->Close();
  EXPECT_TRUE(subscription->Ready());
}

TEST_P(SubscriptionContract, ManyThreadsSettle) {
  constexpr int kMessages = 200;
  std::vector<Message> messages;
  for (int i = 0; i < kMessages; ++i) messages.push_back(Text(StrCat(i)));
  MustPublish(messages);
  const auto subscription = Open();
  std::vector<std::unique_ptr<Delivery>> deliveries;
  for (int i = 0; i < kMessages; ++i) deliveries.push_back(MustNext(*subscription));
  std::atomic<int> acked{0};
  absl::Notification all;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = t; i < kMessages; i += 4) {
        deliveries[i]->Ack([&](const absl::Status& status) {
          if (status.ok() && ++acked == kMessages) all.Notify();
        });
      }
    });
  }
  EXPECT_TRUE(all.WaitForNotificationWithTimeout(absl::Seconds(60)));
}

TEST_P(SubscriptionContract, WhatIsTooLargeIsRefusedWhole) {
  for (const Message& bad :
       std::vector<Message>{Text(""),
                            Text(std::string(kMaxMessageBytes + 1, 'x')),
                            {.data = "x", .attributes = {{"", "x"}}},
                            {.data = "x", .attributes = {{"a", std::string(1025, 'x')}}},
                            {.data = "x", .attributes = {{std::string(257, 'x'), "a"}}},
                            {.data = "x", .attributes = {{"a", "\xff"}}}}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Publish({Text("good"), bad})));
  }
  Message many{.data = "x", .attributes = {}};
  for (int i = 0; i < 101; ++i) many.attributes[StrCat(i)] = "x";
  EXPECT_TRUE(absl::IsInvalidArgument(Publish({many})));
  MustPublish({Text("only")});
  EXPECT_EQ(NextText(*Open()), "only");
}

}  // namespace millrace::pubsub

#endif  // MILLRACE_CONNECTORS_PUBSUB_TESTING_SUBSCRIPTION_CONTRACT_H_
