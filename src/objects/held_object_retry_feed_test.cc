#include "objects/held_object_retry_feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/strings.h"

namespace millrace {
namespace {

using testing::ElementsAre;

// Offers the objects o0, o1, ... and records their outcomes.
class ListFeed : public ObjectFeed {
 public:
  explicit ListFeed(int objects) : objects_(objects) {}
  absl::StatusOr<std::optional<ListedObject>> Next(std::stop_token) override {
    if (given_ == objects_) return end;
    return ListedObject{nullptr, {.uri = StrCat("o", given_++), .size = 10}};
  }
  bool Ready() override { return ready; }
  void Ack(const ObjectInfo& object, const ObjectOutcome&) override {
    settled.push_back(object.uri);
  }

  absl::StatusOr<std::optional<ListedObject>> end = std::nullopt;
  std::vector<std::string> settled;
  bool ready = true;

 private:
  const int objects_;
  int given_ = 0;
};

class HeldObjectRetryFeedTest : public testing::Test {
 protected:
  // Like ObjectSource with an object that it could not claim.
  void Hold(const ListedObject& object) {
    progress_.bytes_done += object.info.size;
    feed_.Ack(object.info, {.kind = ObjectOutcome::Kind::kHeld});
  }
  void Finish(const ListedObject& object) {
    feed_.Ack(object.info, {.kind = ObjectOutcome::Kind::kImported});
  }
  ListedObject MustTake() {
    auto object = feed_.Next({});
    if (object.ok() && object->has_value() && !(*object)->is_object()) object = feed_.Next({});
    EXPECT_TRUE(object.ok() && object->has_value() && (*object)->is_object());
    return object.ok() && object->has_value() ? **object : ListedObject();
  }
  bool AtEnd() {
    const auto object = feed_.Next({});
    return object.ok() && !object->has_value();
  }

  FakeClock clock_;
  SourceProgress progress_;
  ListFeed list_{3};
  HeldObjectRetryFeed feed_{list_, progress_, clock_};
};

TEST_F(HeldObjectRetryFeedTest, WithoutHeldObjectsItEqualsTheListing) {
  for (const char* uri : {"o0", "o1", "o2"}) {
    EXPECT_TRUE(feed_.Ready());
    const ListedObject object = MustTake();
    EXPECT_EQ(object.info.uri, uri);
    Finish(object);
  }
  EXPECT_TRUE(feed_.Ready()) << "the end needs no wait";
  EXPECT_TRUE(AtEnd());
  EXPECT_TRUE(AtEnd());
  EXPECT_THAT(list_.settled, ElementsAre("o0", "o1", "o2"));
}

TEST_F(HeldObjectRetryFeedTest, HeldObjectsAreOfferedAgainAfterTheOthers) {
  Hold(MustTake());
  EXPECT_EQ(feed_.held(), 1u);
  for (const char* uri : {"o1", "o2"}) {
    const ListedObject object = MustTake();
    EXPECT_EQ(object.info.uri, uri);
    Finish(object);
  }
  EXPECT_TRUE(feed_.Ready()) << "whether there are more is not known";
  const auto nothing = feed_.Next({});
  ASSERT_TRUE(nothing.ok() && nothing->has_value());
  EXPECT_FALSE((*nothing)->is_object())
      << "others hold the rest; the feed does not wait for it yet";
  EXPECT_FALSE(feed_.Ready()) << "what is in hand must go out";
  const absl::Time before = clock_.Now();
  const ListedObject again = MustTake();  // the clock moves by sleeping
  EXPECT_EQ(again.info.uri, "o0");
  EXPECT_GE(clock_.Now() - before, HeldObjectRetryFeed::kPause);
  EXPECT_EQ(feed_.held(), 0u);
  EXPECT_EQ(progress_.bytes_done, 0u);
  Hold(again);
  EXPECT_FALSE(feed_.Ready());
  Finish(MustTake());
  EXPECT_TRUE(AtEnd());
}

TEST_F(HeldObjectRetryFeedTest, DueObjectsComeFirst) {
  Hold(MustTake());
  clock_.Advance(2 * HeldObjectRetryFeed::kPause);
  EXPECT_TRUE(feed_.Ready());
  EXPECT_EQ(MustTake().info.uri, "o0");
  EXPECT_EQ(MustTake().info.uri, "o1");
}

TEST_F(HeldObjectRetryFeedTest, DueObjectsNeedNoListing) {
  Hold(MustTake());
  list_.ready = false;
  EXPECT_FALSE(feed_.Ready());
  clock_.Advance(2 * HeldObjectRetryFeed::kPause);
  EXPECT_TRUE(feed_.Ready());
}

TEST_F(HeldObjectRetryFeedTest, ManyHeldObjectsAreRetriedSlowly) {
  ListFeed many(1000);
  HeldObjectRetryFeed feed(many, progress_, clock_);
  for (int i = 0; i < 1000; ++i) {
    const auto object = feed.Next({});
    ASSERT_EQ((*object)->info.uri, StrCat("o", i));
    feed.Ack((*object)->info, {.kind = ObjectOutcome::Kind::kHeld});
  }
  for (int i = 0; i <= 1000; ++i) ASSERT_TRUE(feed.Next({}).ok());
  EXPECT_EQ(feed.held(), 0u);
  EXPECT_GE(clock_.Elapsed() - (FakeClock().Elapsed()), absl::Seconds(15));
}

// Waits with the real clock, as one thread of a run does while another finishes the last object.
TEST_F(HeldObjectRetryFeedTest, AnObjectThatIsLostAtTheEndIsOfferedAgain) {
  Finish(MustTake());
  Finish(MustTake());
  const ListedObject last = MustTake();
  EXPECT_FALSE((*feed_.Next({}))->is_object()) << "what is in hand must go out";
  EXPECT_FALSE(feed_.Ready()) << "another worker may still take it over";
  std::thread other([&] { Hold(last); });
  const ListedObject again = MustTake();
  other.join();
  EXPECT_EQ(again.info.uri, "o2");
  EXPECT_EQ(progress_.bytes_done, 0u);
  std::thread another([&] { Finish(again); });
  EXPECT_TRUE(AtEnd());
  another.join();
  EXPECT_TRUE(feed_.Ready());
  EXPECT_EQ(feed_.held(), 0u);
}

TEST_F(HeldObjectRetryFeedTest, AStopEndsTheWaitForObjectsInProgress) {
  for (int i = 0; i < 3; ++i) MustTake();
  EXPECT_FALSE((*feed_.Next({}))->is_object());
  std::stop_source stop;
  std::thread stopper([&] { stop.request_stop(); });
  EXPECT_TRUE(absl::IsCancelled(feed_.Next(stop.get_token()).status()));
  stopper.join();
}

TEST_F(HeldObjectRetryFeedTest, AStopEndsTheWait) {
  Hold(MustTake());
  MustTake();
  MustTake();
  EXPECT_FALSE((*feed_.Next({}))->is_object());
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(feed_.Next(stop.get_token()).status()));
  EXPECT_EQ(feed_.held(), 1u) << "it is still held";
}

TEST_F(HeldObjectRetryFeedTest, AFailedListingEndsIt) {
  list_.end = absl::NotFoundError("no such folder");
  for (int i = 0; i < 3; ++i) MustTake();
  EXPECT_TRUE(feed_.Ready());
  EXPECT_TRUE(absl::IsNotFound(feed_.Next({}).status()));
}

}  // namespace
}  // namespace millrace
