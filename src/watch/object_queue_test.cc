#include "watch/object_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "absl/synchronization/notification.h"
#include "objects/testing/object_feed_contract.h"
#include "watch/testing/fake_store.h"

namespace millrace::watch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kUri[] = "gs://b/a.ndjson";

class ObjectQueueTest : public testing::Test {
 protected:
  ObjectQueueTest() { bucket_.Put(kUri, "one"); }

  // A notification of a sender that wants the result; results go to told_.
  ObjectNotification Told(const std::string& uri = kUri) {
    ObjectNotification notification{.uri = uri, .trigger = "http"};
    notification.ack = [this](const NotificationResult& result) {
      told_.push_back(result.outcome);
    };
    return notification;
  }
  // One without a sender.
  static ObjectNotification Seen(const std::string& uri = kUri) {
    return {.uri = uri, .trigger = "folder"};
  }

  bool Add(ObjectNotification notification) { return queue_.Add(notification); }
  static ObjectInfo TakeFrom(ObjectQueue& queue) {
    while (queue.Ready()) {
      const auto object = queue.Next(std::stop_token());
      EXPECT_TRUE(object.ok() && object->has_value());
      if ((*object)->is_object()) return (*object)->info;
    }
    return {};
  }
  // The next ready object; "" if there is none.
  ObjectInfo Take() { return TakeFrom(queue_); }
  void Ack(const ObjectInfo& info, ObjectOutcome::Kind kind, absl::Status status = {}) {
    queue_.Ack(info, {.kind = kind, .status = std::move(status), .counts = {}});
  }

  FakeBucket bucket_;
  FakeClock clock_;
  WatchProgress progress_;
  QueueOptions options_;
  StoreCache stores_{bucket_.Opener()};
  ObjectQueue queue_{options_, stores_, clock_, progress_};
  std::vector<NotificationOutcome> told_;
};

TEST_F(ObjectQueueTest, ReportsTheOutcomeOfAnObject) {
  ASSERT_TRUE(Add(Told()));
  const ObjectInfo info = Take();
  EXPECT_EQ(info.uri, kUri);
  EXPECT_EQ(info.version, "1");
  EXPECT_THAT(told_, IsEmpty());
  Ack(info, ObjectOutcome::Kind::kImported);
  EXPECT_THAT(told_, ElementsAre(NotificationOutcome::kImported));
  EXPECT_TRUE(queue_.idle());
  EXPECT_EQ(progress_.count(NotificationOutcome::kImported), 1u);
}

TEST_F(ObjectQueueTest, NotificationsOfOneObjectAreProcessedTogether) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Add(Told()));
  const ObjectInfo info = Take();
  EXPECT_EQ(Take().uri, "");
  Ack(info, ObjectOutcome::Kind::kImported);
  EXPECT_EQ(told_.size(), 3u);
}

TEST_F(ObjectQueueTest, ALaterNotificationWaitsForTheObjectInProgress) {
  ASSERT_TRUE(Add(Told()));
  const ObjectInfo first = Take();
  bucket_.Put(kUri, "two");
  ASSERT_TRUE(Add(Told()));
  ASSERT_TRUE(Add(Told()));
  EXPECT_FALSE(queue_.Ready()) << "it is in progress";
  Ack(first, ObjectOutcome::Kind::kImported);
  EXPECT_EQ(told_.size(), 1u);
  const ObjectInfo second = Take();
  EXPECT_EQ(second.version, "2");
  Ack(second, ObjectOutcome::Kind::kDoneBefore);
  EXPECT_EQ(told_.size(), 3u);
  EXPECT_TRUE(queue_.idle());
}

TEST_F(ObjectQueueTest, AListingOfAnObjectInProgressAddsNothing) {
  ASSERT_TRUE(Add(Told()));
  const ObjectInfo info = Take();
  ObjectNotification listed = Seen();
  listed.listed = info;
  ASSERT_TRUE(Add(std::move(listed)));
  Ack(info, ObjectOutcome::Kind::kImported);
  EXPECT_TRUE(queue_.idle());
}

TEST_F(ObjectQueueTest, AMissingObjectIsGone) {
  ASSERT_TRUE(Add(Told("gs://b/none")));
  EXPECT_EQ(Take().uri, "");
  EXPECT_THAT(told_, ElementsAre(NotificationOutcome::kGone));
  EXPECT_TRUE(queue_.idle());
}

TEST_F(ObjectQueueTest, TheSenderRepeatsAFailure) {
  ASSERT_TRUE(Add(Told()));
  Ack(Take(), ObjectOutcome::Kind::kFailed, absl::DataLossError("cut"));
  EXPECT_THAT(told_, ElementsAre(NotificationOutcome::kFailed));
  EXPECT_TRUE(queue_.idle());
  EXPECT_EQ(progress_.objects_failing, 1u);
  ASSERT_TRUE(Add(Told()));
  Ack(Take(), ObjectOutcome::Kind::kImported);
  EXPECT_EQ(progress_.objects_failing, 0u);
}

TEST_F(ObjectQueueTest, FailuresWithoutASenderAreRetriedWithBackoff) {
  ASSERT_TRUE(Add(Seen()));
  absl::Duration wait = options_.retry_initial;
  int tries = 0;
  while (true) {
    const ObjectInfo info = Take();
    ASSERT_EQ(info.uri, kUri);
    ++tries;
    Ack(info, ObjectOutcome::Kind::kFailed, absl::DataLossError("cut"));
    if (queue_.idle()) break;
    clock_.Advance(wait - absl::Milliseconds(1));
    EXPECT_FALSE(queue_.Ready()) << tries;
    clock_.Advance(absl::Milliseconds(1));
    wait = std::min(2 * wait, options_.retry_max);
  }
  EXPECT_EQ(tries, options_.max_tries);
  ASSERT_TRUE(Add(Seen()));
  EXPECT_EQ(Take().uri, kUri) << "a new notification counts";
}

TEST_F(ObjectQueueTest, ANotificationEndsTheWaitOfARetry) {
  ASSERT_TRUE(Add(Seen()));
  Ack(Take(), ObjectOutcome::Kind::kFailed, absl::DataLossError("cut"));
  EXPECT_FALSE(queue_.Ready());
  ASSERT_TRUE(Add(Seen()));
  EXPECT_TRUE(queue_.Ready());
}

TEST_F(ObjectQueueTest, AHeldObjectIsLookedAtLater) {
  ASSERT_TRUE(Add(Seen()));
  ASSERT_TRUE(Add(Told()));
  Ack(Take(), ObjectOutcome::Kind::kHeld);
  EXPECT_THAT(told_, ElementsAre(NotificationOutcome::kHeld)) << "its sender sends again";
  EXPECT_FALSE(queue_.Ready());
  clock_.Advance(options_.held_wait);
  EXPECT_EQ(Take().uri, kUri);
}

TEST_F(ObjectQueueTest, AnObjectThatChangesDuringTheReadIsReadAgain) {
  ASSERT_TRUE(Add(Told()));
  const ObjectInfo first = Take();
  bucket_.Put(kUri, "two");
  Ack(first, ObjectOutcome::Kind::kFailed, absl::FailedPreconditionError("changed"));
  EXPECT_THAT(told_, IsEmpty()) << "it is not known yet";
  const ObjectInfo second = Take();
  EXPECT_EQ(second.version, "2");
  Ack(second, ObjectOutcome::Kind::kImported);
  EXPECT_THAT(told_, ElementsAre(NotificationOutcome::kImported));
}

TEST_F(ObjectQueueTest, AnObjectThatAlwaysChangesFails) {
  ASSERT_TRUE(Add(Told()));
  for (int i = 0; i < 10 && queue_.Ready(); ++i) {
    Ack(Take(), ObjectOutcome::Kind::kFailed, absl::FailedPreconditionError("changed"));
  }
  EXPECT_THAT(told_, ElementsAre(NotificationOutcome::kFailed));
}

TEST_F(ObjectQueueTest, ObjectsThatTheConfigNoLongerMatchesAreOfferedAgain) {
  std::vector<ObjectNotification> offered;
  queue_.set_on_unmatched(
      [&](ObjectNotification notification) { offered.push_back(std::move(notification)); });
  ASSERT_TRUE(Add(Told()) && Add(Told()) && Add(Seen()));
  const ObjectInfo info = Take();
  ASSERT_TRUE(Add(Told()));
  Ack(info, ObjectOutcome::Kind::kUnmatched);
  EXPECT_TRUE(queue_.idle());
  EXPECT_EQ(progress_.objects_in_progress, 0u);
  ASSERT_EQ(offered.size(), 3u) << "of the watch itself, two senders, and a later one";
  EXPECT_EQ(offered[0].ack, nullptr);
  for (const ObjectNotification& notification : offered) {
    EXPECT_EQ(notification.uri, kUri);
    if (notification.ack) notification.ack({.outcome = NotificationOutcome::kIgnored});
  }
  EXPECT_THAT(told_, ElementsAre(NotificationOutcome::kIgnored, NotificationOutcome::kIgnored,
                                 NotificationOutcome::kIgnored));
}

TEST_F(ObjectQueueTest, WarnsOnceOfAnObjectSkippedForItsConfig) {
  testing::internal::CaptureStderr();
  for (int listing = 0; listing < 3; ++listing) {
    ASSERT_TRUE(Add(Seen()));
    Ack(Take(), ObjectOutcome::Kind::kConfigChanged, absl::FailedPreconditionError("changed"));
  }
  const std::string log = testing::internal::GetCapturedStderr();
  const size_t first = log.find("is left alone");
  ASSERT_NE(first, std::string::npos) << log;
  EXPECT_EQ(log.find("is left alone", first + 1), std::string::npos) << log;
  EXPECT_EQ(progress_.count(NotificationOutcome::kConfigChanged), 3u);
}

TEST_F(ObjectQueueTest, ReturnedNotificationsNeedNoRoom) {
  options_.max_objects = 1;
  ObjectQueue small(options_, stores_, clock_, progress_);
  ObjectNotification one = Told("gs://b/1"), two = Told("gs://b/2");
  EXPECT_TRUE(small.Add(one));
  small.AddAlways(two);
  EXPECT_EQ(progress_.objects_waiting, 2u);
}

TEST_F(ObjectQueueTest, AnUnreachableStoreIsAFailure) {
  bucket_.Fail(kUri, absl::UnavailableError("503"));
  ASSERT_TRUE(Add(Told()));
  ASSERT_TRUE(Add(Seen()));
  EXPECT_EQ(Take().uri, "");
  EXPECT_THAT(told_, ElementsAre(NotificationOutcome::kFailed));
  bucket_.Fail(kUri, absl::OkStatus());
  clock_.Advance(options_.retry_initial);
  EXPECT_EQ(Take().uri, kUri);
}

TEST_F(ObjectQueueTest, TooManyObjectsAreRejected) {
  options_.max_objects = 2;
  ObjectQueue small(options_, stores_, clock_, progress_);
  ObjectNotification one = Told("gs://b/1"), two = Told("gs://b/2"), three = Told("gs://b/3");
  EXPECT_TRUE(small.Add(one));
  EXPECT_TRUE(small.Add(two));
  EXPECT_FALSE(small.Add(three));
  EXPECT_NE(three.ack, nullptr) << "it is unchanged";
  ObjectNotification again = Told("gs://b/2");
  EXPECT_TRUE(small.Add(again)) << "its object waits already";
}

TEST_F(ObjectQueueTest, AddBlockingWaitsForRoomUntilAStop) {
  options_.max_objects = 1;
  ObjectQueue small(options_, stores_, clock_, progress_);
  ObjectNotification one = Seen();
  ASSERT_TRUE(small.Add(one));
  std::stop_source stop;
  std::thread waiting([&] {
    ObjectNotification second = Seen("gs://b/2");
    EXPECT_TRUE(small.AddBlocking(second, stop.get_token()));
    ObjectNotification third = Seen("gs://b/3");
    EXPECT_FALSE(small.AddBlocking(third, stop.get_token()));
  });
  EXPECT_EQ(TakeFrom(small).uri, kUri);
  while (progress_.objects_waiting == 0) std::this_thread::yield();
  stop.request_stop();
  waiting.join();
}

TEST_F(ObjectQueueTest, ALocalFileThatIsStillWrittenToWaits) {
  const std::string path = "/data/a.ndjson";
  const auto version_at = [](absl::Time time) {
    return "3-" + std::to_string(absl::ToUnixNanos(time));
  };
  ObjectNotification found{.uri = path, .trigger = "list", .maybe_unfinished = true};
  found.listed = ObjectInfo{path, 3, version_at(clock_.Now() - absl::Milliseconds(500))};
  ASSERT_TRUE(Add(found));
  EXPECT_EQ(Take().uri, "");
  clock_.Advance(absl::Milliseconds(1499));
  EXPECT_EQ(Take().uri, "");
  // Its writer closes it: there is no reason to wait.
  ObjectNotification closed{.uri = path, .trigger = "folder"};
  closed.listed = ObjectInfo{path, 3, version_at(clock_.Now())};
  ASSERT_TRUE(Add(closed));
  EXPECT_EQ(Take().uri, path);
}

// The real clock, which counts its calls: a reader calls it right before it waits.
class CountingClock : public Clock {
 public:
  absl::Time Now() override {
    ++asked_;
    return Clock::Real().Now();
  }
  absl::Duration Elapsed() override { return Clock::Real().Elapsed(); }
  bool SleepFor(absl::Duration duration, std::stop_token stop) override {
    return Clock::Real().SleepFor(duration, std::move(stop));
  }
  int asked() const { return asked_; }

 private:
  std::atomic<int> asked_{0};
};

// One thread waits in Next() while another one completes objects.
class WaitingReaderTest : public ObjectQueueTest {
 protected:
  WaitingReaderTest() {
    options_.retry_initial = absl::Milliseconds(20);
    options_.held_wait = absl::Milliseconds(20);
  }

  // Returns once `reader` waits in Next().
  void StartWaiting(ObjectQueue& queue) {
    const int before = time_.asked();
    reader_ = std::async(std::launch::async, [&queue] {
      const auto object = queue.Next(std::stop_token());
      return object.ok() && object->has_value() ? (*object)->info.uri : "none";
    });
    while (time_.asked() == before) std::this_thread::yield();
    // The reader held the queue's lock during that call, so this returns when it waits.
    EXPECT_FALSE(queue.idle());
  }
  std::string WhatTheReaderGot() {
    EXPECT_EQ(reader_.wait_for(std::chrono::seconds(30)), std::future_status::ready)
        << "it was not woken";
    return reader_.get();
  }

  CountingClock time_;
  std::future<std::string> reader_;
};

TEST_F(WaitingReaderTest, ARetryHappensWithoutOtherEvents) {
  ObjectQueue queue(options_, stores_, time_, progress_);
  ObjectNotification notification = Seen();
  ASSERT_TRUE(queue.Add(notification));
  const ObjectInfo info = TakeFrom(queue);
  StartWaiting(queue);
  queue.Ack(info, {.kind = ObjectOutcome::Kind::kFailed, .status = absl::DataLossError("cut")});
  EXPECT_EQ(WhatTheReaderGot(), kUri);
}

TEST_F(WaitingReaderTest, ARetryThatIsDueSoonerIsNotLate) {
  options_.retry_initial = options_.retry_max = absl::Hours(1);
  bucket_.Put("gs://b/held", "x");
  ObjectQueue queue(options_, stores_, time_, progress_);
  ObjectNotification failing = Seen(), held = Seen("gs://b/held");
  ASSERT_TRUE(queue.Add(failing) && queue.Add(held));
  const ObjectInfo first = TakeFrom(queue), second = TakeFrom(queue);
  queue.Ack(first, {.kind = ObjectOutcome::Kind::kFailed, .status = absl::DataLossError("cut")});
  StartWaiting(queue);  // for an hour
  queue.Ack(second, {.kind = ObjectOutcome::Kind::kHeld});
  EXPECT_EQ(WhatTheReaderGot(), "gs://b/held");
}

TEST_F(WaitingReaderTest, ANotificationWakesTheReader) {
  ObjectQueue queue(options_, stores_, time_, progress_);
  options_.retry_initial = absl::Hours(1);
  ObjectNotification first = Seen();
  ASSERT_TRUE(queue.Add(first));
  const ObjectInfo info = TakeFrom(queue);
  StartWaiting(queue);
  bucket_.Put("gs://b/new", "x");
  ObjectNotification second = Seen("gs://b/new");
  ASSERT_TRUE(queue.Add(second));
  EXPECT_EQ(WhatTheReaderGot(), "gs://b/new");
}

TEST_F(ObjectQueueTest, AStopEndsTheWaitForObjects) {
  std::stop_source stop;
  std::thread stopper([&] { stop.request_stop(); });
  EXPECT_TRUE(absl::IsCancelled(queue_.Next(stop.get_token()).status()));
  stopper.join();
}

TEST_F(ObjectQueueTest, EndsWhenNothingWaitsAfterEnd) {
  ASSERT_TRUE(Add(Told()));
  queue_.End();
  EXPECT_EQ(Take().uri, kUri);
  const auto end = queue_.Next(std::stop_token());
  ASSERT_TRUE(end.ok());
  EXPECT_FALSE(end->has_value());
}

TEST_F(ObjectQueueTest, EveryNotificationGetsAResult) {
  ASSERT_TRUE(Add(Told("gs://b/waits")));
  ASSERT_TRUE(Add(Told()));
  bucket_.Put("gs://b/waits", "x");
  const ObjectInfo in_progress = Take();
  ASSERT_TRUE(Add(Told(in_progress.uri)));
  queue_.Close();
  ASSERT_TRUE(Add(Told("gs://b/late")));
  EXPECT_THAT(told_, testing::SizeIs(4));
  EXPECT_THAT(told_, testing::Each(NotificationOutcome::kStopped));
  EXPECT_EQ(progress_.objects_waiting, 0u);
  EXPECT_EQ(progress_.objects_in_progress, 0u);
}

class QueueFixture : public ObjectFeedFixture {
 public:
  QueueFixture() {
    bucket_.Put(kUri, "one");
    bucket_.set_on_find([this] { may_answer_.WaitForNotification(); });
    ObjectNotification notification{.uri = kUri, .trigger = "folder"};
    EXPECT_TRUE(queue_.Add(notification));
  }
  ObjectFeed& feed() override { return queue_; }
  void LetServerAnswer() override { may_answer_.Notify(); }
  void End() override { queue_.End(); }

 private:
  absl::Notification may_answer_;
  FakeBucket bucket_;
  WatchProgress progress_;
  StoreCache stores_{bucket_.Opener()};
  ObjectQueue queue_{{}, stores_, Clock::Real(), progress_};
};

INSTANTIATE_TEST_SUITE_P(ObjectQueue, ObjectFeedContract,
                         testing::Values(+[]() -> std::unique_ptr<ObjectFeedFixture> {
                           return std::make_unique<QueueFixture>();
                         }));

}  // namespace
}  // namespace millrace::watch
