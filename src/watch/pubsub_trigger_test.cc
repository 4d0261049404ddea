// A watch of a subscription, over a bucket in memory: which messages are acked, which are
// redelivered.
#include "watch/pubsub_trigger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/time/clock.h"
#include "base/strings.h"
#include "connectors/pubsub/testing/fake_pubsub.h"
#include "connectors/pubsub/testing/pubsub_server.h"
#include "pipeline/testing/memory_dead_letter_queue.h"
#include "pipeline/testing/memory_ledger.h"
#include "watch/testing/fake_store.h"
#include "watch/testing/receiver.h"
#include "watch/watch.h"

namespace millrace::watch {
namespace {

std::string Event(int number) {
  return StrCat(R"({"event":"e","properties":{"time":)", 1'700'000'000 + number,
                R"(,"distinct_id":"u","$insert_id":"id-)", number, "\"}}\n");
}

pubsub::Message Notification(const std::string& object, const std::string& generation = "1",
                             const std::string& type = "OBJECT_FINALIZE") {
  return {.data = "",
          .attributes = {{"eventType", type},
                         {"bucketId", "lake"},
                         {"objectId", object},
                         {"objectGeneration", generation},
                         {"payloadFormat", "NONE"}}};
}

class PubsubTriggerTest : public testing::Test {
 protected:
  PubsubTriggerTest() {
    request_.import.sources = SourcesConfig::MixpanelFormat();
    progress_ = SendTo({&receiver_}, request_);
    request_.import.run.retry = {.initial = absl::Milliseconds(1),
                                 .max = absl::Milliseconds(2),
                                 .min_jitter = absl::ZeroDuration(),
                                 .max_jitter = absl::Milliseconds(1),
                                 .give_up_after = absl::InfiniteDuration()};
    request_.open_store = bucket_.Opener();
    open_subscription_ = [this] { return topic_.Open(); };
    request_.triggers.push_back([this](NotificationRouter& router, auto on_failure) {
      return std::make_unique<PubsubTrigger>(open_subscription_(), router, std::move(on_failure));
    });
  }
  ~PubsubTriggerTest() override {
    if (thread_.joinable()) Stop();
  }

  void Start() {
    stop_ = std::stop_source();
    thread_ = std::thread([this] {
      reports_ = Watch(request_, ledger_, dead_letter_, stop_.get_token(), *progress_,
                       [](const std::string&) {});
    });
  }
  ImportReport Stop() {
    stop_.request_stop();
    thread_.join();
    return reports_.front();
  }

  void Publish(const pubsub::Message& message, int times = 1) {
    for (int i = 0; i < times; ++i) ASSERT_TRUE(topic_.Publish({message}, {}).ok());
  }
  // Bounded by the test's own time limit.
  template <typename Condition>
  static void WaitUntil(Condition condition) {
    while (!condition()) absl::SleepFor(absl::Milliseconds(1));
  }
  void WaitUntilAllAcked() {
    WaitUntil([this] { return topic_.unacked() == 0; });
  }

  Receiver receiver_;
  FakeBucket bucket_;
  pubsub::FakePubsub topic_;
  std::function<std::unique_ptr<pubsub::Subscription>()> open_subscription_;
  FakeClock clock_;
  MemoryLedger ledger_{clock_};
  MemoryDeadLetterQueue dead_letter_;
  std::unique_ptr<WatchProgress> progress_;
  WatchRequest request_;
  std::stop_source stop_;
  std::vector<ImportReport> reports_;  // by destination
  std::thread thread_;
};

TEST_F(PubsubTriggerTest, AcksWhenTheObjectIsImported) {
  bucket_.Put("gs://lake/a.ndjson", Event(1) + Event(2));
  receiver_.set_state(Receiver::State::kClosed);
  Start();
  Publish(Notification("a.ndjson"));
  WaitUntil([this] { return progress_->objects_in_progress == 1; });
  EXPECT_EQ(topic_.unacked(), 1u);
  receiver_.set_state(Receiver::State::kOpen);
  WaitUntilAllAcked();
  EXPECT_EQ(receiver_.events(), 2u);
  EXPECT_EQ(Stop().counts.accepted, 2u);
}

TEST_F(PubsubTriggerTest, TheSameMessageFiveTimesSendsNothingMore) {
  bucket_.Put("gs://lake/a.ndjson", Event(1) + Event(2));
  Start();
  Publish(Notification("a.ndjson"), 5);
  WaitUntilAllAcked();
  EXPECT_EQ(receiver_.events(), 2u);
}

TEST_F(PubsubTriggerTest, AnOverwriteIsANewObject) {
  bucket_.Put("gs://lake/a.ndjson", Event(1));
  Start();
  Publish(Notification("a.ndjson", "1"));
  WaitUntilAllAcked();
  bucket_.Put("gs://lake/a.ndjson", Event(2));
  Publish(Notification("a.ndjson", "2"));
  WaitUntilAllAcked();
  EXPECT_EQ(receiver_.events(), 2u);
}

TEST_F(PubsubTriggerTest, AcksMessagesThatNeedNoWork) {
  bucket_.Put("gs://lake/a.ndjson", Event(1));
  Start();
  Publish(Notification("a.ndjson", "1", "OBJECT_DELETE"));
  Publish(Notification("gone.ndjson"));
  Publish(Notification("_hidden/a.ndjson"));
  Publish(Notification("a.ndjson", "no generation"));
  Publish({.data = "hello", .attributes = {}});
  WaitUntilAllAcked();
  EXPECT_EQ(receiver_.events(), 0u);
}

TEST_F(PubsubTriggerTest, AnUnreadableObjectIsDelayed) {
  bucket_.Put("gs://lake/a.ndjson", Event(1));
  bucket_.Fail("gs://lake/a.ndjson", absl::PermissionDeniedError("no"));
  Start();
  Publish(Notification("a.ndjson"));
  WaitUntil([this] { return progress_->count(NotificationOutcome::kFailed) == 1; });
  EXPECT_EQ(topic_.unacked(), 1u);
  bucket_.Fail("gs://lake/a.ndjson", absl::OkStatus());
  // The trigger may not have returned it yet: its delay ends whenever it has.
  WaitUntil([this] {
    topic_.EndDelays();
    return topic_.unacked() == 0;
  });
  EXPECT_EQ(receiver_.events(), 1u);
}

TEST_F(PubsubTriggerTest, AStopReturnsUnfinishedMessages) {
  for (int i = 0; i < 20; ++i) {
    bucket_.Put(StrCat("gs://lake/", i, ".ndjson"), Event(i));
    Publish(Notification(StrCat(i, ".ndjson")));
  }
  receiver_.set_state(Receiver::State::kClosed);
  Start();
  WaitUntil([this] { return progress_->objects_in_progress > 0; });
  EXPECT_TRUE(absl::IsCancelled(Stop().status));
  EXPECT_EQ(topic_.unacked(), 20u);
  receiver_.set_state(Receiver::State::kOpen);
  Start();
  WaitUntilAllAcked();
  EXPECT_EQ(receiver_.events(), 20u);
}

TEST_F(PubsubTriggerTest, ALeaseThatRunsOutBetweenSendAndAckSendsNothingMore) {
  bucket_.Put("gs://lake/a.ndjson", Event(1) + Event(2));
  Start();
  Publish(Notification("a.ndjson"));
  WaitUntil([this] { return receiver_.events() == 2; });
  // As after a crash: the holder of the message is silent.
  topic_.ExpireLeases();
  WaitUntilAllAcked();
  EXPECT_EQ(receiver_.events(), 2u);
}

TEST_F(PubsubTriggerTest, ASubscriptionThatCannotBeReadEndsTheWatch) {
  topic_.FailPull(absl::NotFoundError("projects/p/subscriptions/s: there is none"));
  Start();
  thread_.join();
  EXPECT_TRUE(absl::IsNotFound(reports_.front().status)) << reports_.front().status;
  EXPECT_EQ(reports_.front().first_error, "projects/p/subscriptions/s: there is none");
}

TEST_F(PubsubTriggerTest, OverARealServer) {
  const std::unique_ptr<pubsub::PubsubServer> server = pubsub::PubsubServer::StartPstest();
  if (server == nullptr) GTEST_SKIP() << "pstest is not installed here";
  const std::string topic = "projects/test/topics/uploads";
  const std::string name = "projects/test/subscriptions/uploads";
  server->CreateTopic(topic);
  server->CreateSubscription(name, topic);
  pubsub::Connection connection(server->options());
  const auto publisher = pubsub::NewPublisher(connection, {.topic = topic});
  open_subscription_ = [&] { return pubsub::OpenSubscription(connection, {.name = name}); };
  Start();
  constexpr uint64_t kObjects = 200;
  for (uint64_t i = 0; i < kObjects; ++i) {
    bucket_.Put(StrCat("gs://lake/", i, ".ndjson"), Event(static_cast<int>(i)));
    const pubsub::Message message = Notification(StrCat(i, ".ndjson"));
    ASSERT_TRUE(publisher->Publish({message, message}, {}).ok());
  }
  // Messages of one object that arrive together are processed once.
  WaitUntil([&] {
    return receiver_.events() == kObjects && progress_->notifications == 2 * kObjects &&
           progress_->objects_waiting == 0 && progress_->objects_in_progress == 0;
  });
  EXPECT_EQ(Stop().counts.accepted, kObjects);
  EXPECT_EQ(receiver_.events(), kObjects);
}

}  // namespace
}  // namespace millrace::watch
