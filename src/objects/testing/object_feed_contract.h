// The contract of every ObjectFeed (objects/object_feed.h), as a test suite. Include it in one file
// of a test program and instantiate it, as with pipeline/testing/ledger_contract.h.
#ifndef MILLRACE_OBJECTS_TESTING_OBJECT_FEED_CONTRACT_H_
#define MILLRACE_OBJECTS_TESTING_OBJECT_FEED_CONTRACT_H_

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <stop_token>

#include "objects/object_feed.h"

namespace millrace {

// A feed of one object, which is on a server that does not respond yet.
class ObjectFeedFixture {
 public:
  virtual ~ObjectFeedFixture() = default;
  virtual ObjectFeed& feed() = 0;
  // Returns once the server responds, and has responded to the requests made meanwhile.
  virtual void LetServerAnswer() = 0;
  // The feed ends after its object.
  virtual void End() = 0;
};

using ObjectFeedMaker = std::unique_ptr<ObjectFeedFixture> (*)();

class ObjectFeedContract : public testing::TestWithParam<ObjectFeedMaker> {
 protected:
  ObjectFeedFixture& fixture() { return *fixture_; }
  ObjectFeed& feed() { return fixture_->feed(); }

  static constexpr std::chrono::seconds kForEver{20};

  // The next object, or nullopt at the end.
  std::optional<ListedObject> Take() {
    for (;;) {
      absl::StatusOr<std::optional<ListedObject>> object = feed().Next(std::stop_token());
      EXPECT_TRUE(object.ok()) << object.status();
      if (!object.ok() || !object->has_value()) return std::nullopt;
      if ((*object)->is_object()) return *std::move(object);
    }
  }

 private:
  const std::unique_ptr<ObjectFeedFixture> fixture_ = GetParam()();
};

TEST_P(ObjectFeedContract, ReadyReturnsWhileTheServerDoesNotRespond) {
  std::future<bool> ready = std::async(std::launch::async, [this] { return feed().Ready(); });
  const bool answered = ready.wait_for(kForEver) == std::future_status::ready;
  fixture().LetServerAnswer();
  ready.wait();
  EXPECT_TRUE(answered);
}

TEST_P(ObjectFeedContract, IsReadyForAnObjectAndForTheEnd) {
  fixture().LetServerAnswer();
  while (!feed().Ready()) std::this_thread::yield();
  const std::optional<ListedObject> object = Take();
  ASSERT_TRUE(object.has_value());
  EXPECT_NE(object->store, nullptr);
  feed().Ack(object->info, {.kind = ObjectOutcome::Kind::kImported, .status = {}, .counts = {}});
  fixture().End();
  while (!feed().Ready()) std::this_thread::yield();
  EXPECT_FALSE(Take().has_value());
  EXPECT_TRUE(feed().Ready());
}

TEST_P(ObjectFeedContract, AStopEndsTheWaitForAnObject) {
  fixture().LetServerAnswer();
  ASSERT_TRUE(Take().has_value());
  std::stop_source stop;
  std::future<absl::Status> ended =
      std::async(std::launch::async, [&] { return feed().Next(stop.get_token()).status(); });
  stop.request_stop();
  ASSERT_EQ(ended.wait_for(kForEver), std::future_status::ready);
}

}  // namespace millrace

#endif  // MILLRACE_OBJECTS_TESTING_OBJECT_FEED_CONTRACT_H_
