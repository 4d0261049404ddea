// The fake, and the real connector against pstest and Google's emulator. Each server is started
// once for the program; each test has a topic of its own.
#include "connectors/pubsub/testing/subscription_contract.h"

#include <atomic>
#include <utility>

#include "connectors/pubsub/pubsub_dead_letter_queue.h"
#include "connectors/pubsub/testing/fake_pubsub.h"
#include "connectors/pubsub/testing/pubsub_server.h"
#include "pipeline/dead_letter_record.h"
#include "pipeline/testing/dead_letter_queue_contract.h"

namespace millrace::pubsub {
namespace {

PubsubServer* Pstest() {
  static const std::unique_ptr<PubsubServer> server = PubsubServer::StartPstest();
  return server.get();
}

PubsubServer* Emulator() {
  static const std::unique_ptr<PubsubServer> server = PubsubServer::StartEmulator();
  return server.get();
}

class FakeFixture : public PubsubFixture {
 public:
  Publisher& publisher() override { return pubsub_; }
  std::unique_ptr<Subscription> Open() override { return pubsub_.Open(); }

 private:
  FakePubsub pubsub_;
};

class ServerFixture : public PubsubFixture {
 public:
  ServerFixture(PubsubServer& server, bool exactly_once) : connection_(server.options()) {
    static std::atomic<int> next{1};
    const int number = next++;
    topic_ = StrCat("projects/test/topics/topic-", number);
    name_ = StrCat("projects/test/subscriptions/subscription-", number);
    server.CreateTopic(topic_);
    server.CreateSubscription(name_, topic_, 10, exactly_once);
    publisher_ = NewPublisher(connection_, {.topic = topic_});
  }

  Publisher& publisher() override { return *publisher_; }
  std::unique_ptr<Subscription> Open() override {
    return OpenSubscription(connection_, {.name = name_, .leases = {.first = absl::Seconds(10)}});
  }

 private:
  Connection connection_;
  std::string topic_;
  std::string name_;
  std::unique_ptr<Publisher> publisher_;
};

template <PubsubServer* (*server)(), bool exactly_once>
std::unique_ptr<PubsubFixture> OnServer() {
  if (server() == nullptr) return nullptr;
  return std::make_unique<ServerFixture>(*server(), exactly_once);
}

std::unique_ptr<PubsubFixture> OnFake() { return std::make_unique<FakeFixture>(); }

INSTANTIATE_TEST_SUITE_P(Fake, SubscriptionContract, testing::Values(&OnFake));
INSTANTIATE_TEST_SUITE_P(Pstest, SubscriptionContract, testing::Values(&OnServer<Pstest, false>));
INSTANTIATE_TEST_SUITE_P(PstestExactlyOnce, SubscriptionContract,
                         testing::Values(&OnServer<Pstest, true>));
// It takes seconds to start, and each test is a process of its own: in its harder mode only.
INSTANTIATE_TEST_SUITE_P(EmulatorExactlyOnce, SubscriptionContract,
                         testing::Values(&OnServer<Emulator, true>));

// Dead letters in the fake's topic; a reader takes each record id once.
class TopicDeadLetterFixture : public DeadLetterFixture {
 public:
  DeadLetterQueue& dead_letter() override { return *dead_letter_; }
  void Crash() override {
    dead_letter_ = NewPubsubDeadLetterQueue(pubsub_, {}, absl::ZeroDuration());
  }
  bool forgets() const override { return false; }

  std::vector<Rejection> Kept(const LedgerKey& object) override {
    std::map<std::string, Rejection> kept;
    for (const Message& message : pubsub_.published()) {
      const absl::StatusOr<DeadLetterRecord> record = ParseDeadLetter(message.data);
      EXPECT_TRUE(record.ok()) << record.status();
      EXPECT_EQ(record->id(), message.attributes.at("record_id"));
      if (record->object == object) kept.emplace(record->id(), record->rejection);
    }
    std::vector<Rejection> rejections;
    for (auto& [id, rejection] : kept) rejections.push_back(std::move(rejection));
    return rejections;
  }

 private:
  FakePubsub pubsub_;
  std::unique_ptr<DeadLetterQueue> dead_letter_ =
      NewPubsubDeadLetterQueue(pubsub_, {}, absl::ZeroDuration());
};

std::unique_ptr<DeadLetterFixture> InATopic() { return std::make_unique<TopicDeadLetterFixture>(); }

}  // namespace
}  // namespace millrace::pubsub

namespace millrace {
INSTANTIATE_TEST_SUITE_P(Topic, DeadLetterContract, testing::Values(&pubsub::InATopic));
}  // namespace millrace
