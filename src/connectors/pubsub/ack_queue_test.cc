#include "connectors/pubsub/ack_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "absl/synchronization/notification.h"
#include "base/strings.h"

namespace millrace::pubsub {
namespace {

// Answers by a script, and writes down what it was asked.
class FakeTransport : public AckTransport {
 public:
  using Answer = std::function<AckResponse(const std::vector<std::string>&, std::stop_token)>;
  explicit FakeTransport(Answer answer) : answer_(std::move(answer)) {}

  AckResponse Acknowledge(const std::vector<std::string>& ack_ids, std::stop_token stop) override {
    return Call(-1, ack_ids, std::move(stop));
  }
  AckResponse ModifyDeadline(const std::vector<std::string>& ack_ids, int seconds,
                             std::stop_token stop) override {
    return Call(seconds, ack_ids, std::move(stop));
  }

  struct Request {
    int seconds;  // -1: an ack
    std::vector<std::string> ack_ids;
  };
  std::vector<Request> requests() {
    absl::MutexLock lock(&mutex_);
    return requests_;
  }

 private:
  AckResponse Call(int seconds, const std::vector<std::string>& ack_ids, std::stop_token stop) {
    {
      absl::MutexLock lock(&mutex_);
      requests_.push_back({seconds, ack_ids});
    }
    return answer_(ack_ids, std::move(stop));
  }

  const Answer answer_;
  absl::Mutex mutex_;
  std::vector<Request> requests_ ABSL_GUARDED_BY(mutex_);
};

const RetryPolicy kFast{.initial = absl::Milliseconds(1),
                        .max = absl::Milliseconds(2),
                        .min_jitter = absl::ZeroDuration(),
                        .max_jitter = absl::Milliseconds(1),
                        .give_up_after = absl::Minutes(10)};

absl::Status AckAndWait(AckQueue& queue, const std::string& ack_id) {
  absl::Notification done;
  absl::Status status;
  queue.Ack(ack_id, [&](const absl::Status& result) {
    status = result;
    done.Notify();
  });
  done.WaitForNotification();
  return status;
}

TEST(AckQueue, SendsWhatItIsGiven) {
  FakeTransport transport([](const auto&, std::stop_token) { return AckResponse(); });
  AckQueue queue(transport, kFast, Clock::Real());
  EXPECT_TRUE(AckAndWait(queue, "a").ok());
  queue.Nack("b", absl::ZeroDuration(), nullptr);
  queue.Nack("c", absl::Milliseconds(10'001), nullptr);
  queue.Nack("d", absl::Hours(1), nullptr);
  queue.Flush(absl::Seconds(10));
  std::map<std::string, int> seconds;
  for (const auto& request : transport.requests()) {
    for (const std::string& ack_id : request.ack_ids) seconds[ack_id] = request.seconds;
  }
  EXPECT_EQ(seconds, (std::map<std::string, int>{{"a", -1}, {"b", 0}, {"c", 11}, {"d", 600}}));
}

TEST(AckQueue, NoRequestIsTooLarge) {
  FakeTransport transport([](const auto&, std::stop_token) { return AckResponse(); });
  AckQueue queue(transport, kFast, Clock::Real());
  std::atomic<int> done{0};
  for (int i = 0; i < 6'000; ++i) {
    queue.Ack(StrCat(std::string(180, 'a'), i), [&](const absl::Status& status) {
      if (status.ok()) ++done;
    });
  }
  queue.Flush(absl::Seconds(30));
  EXPECT_EQ(done, 6'000);
  for (const auto& request : transport.requests()) {
    size_t bytes = 0;
    for (const std::string& ack_id : request.ack_ids) bytes += ack_id.size() + 4;
    EXPECT_LE(bytes, 512u << 10);
    EXPECT_LE(request.ack_ids.size(), 2'500u);
  }
}

TEST(AckQueue, TriesAgainWhatMayGoWell) {
  std::atomic<int> calls{0};
  FakeTransport transport([&](const auto&, std::stop_token) {
    return AckResponse{.status = ++calls < 4 ? absl::UnavailableError("no") : absl::OkStatus(),
                       .failed = {}};
  });
  AckQueue queue(transport, kFast, Clock::Real());
  EXPECT_TRUE(AckAndWait(queue, "a").ok());
  EXPECT_EQ(calls, 4);
}

TEST(AckQueue, WhatIsForGoodIsNotTriedAgain) {
  std::atomic<int> calls{0};
  FakeTransport transport([&](const auto&, std::stop_token) {
    ++calls;
    return AckResponse{.status = absl::PermissionDeniedError("no"), .failed = {}};
  });
  AckQueue queue(transport, kFast, Clock::Real());
  EXPECT_TRUE(absl::IsPermissionDenied(AckAndWait(queue, "a")));
  EXPECT_EQ(calls, 1);
}

TEST(AckQueue, EachIdHasItsOwnFateWithExactlyOnce) {
  std::atomic<int> calls{0};
  FakeTransport transport([&](const std::vector<std::string>& ack_ids, std::stop_token) {
    AckResponse reply{.status = absl::FailedPreconditionError("some failed"), .failed = {}};
    for (const std::string& ack_id : ack_ids) {
      if (ack_id == "gone") reply.failed[ack_id] = "PERMANENT_FAILURE_INVALID_ACK_ID";
      if (ack_id == "later" && ++calls < 3) {
        reply.failed[ack_id] = "TRANSIENT_FAILURE_SERVICE_UNAVAILABLE";
      }
    }
    if (reply.failed.empty()) reply.status = absl::OkStatus();
    return reply;
  });
  AckQueue queue(transport, kFast, Clock::Real());
  std::map<std::string, absl::Status> fates;
  absl::Mutex mutex;
  for (const char* ack_id : {"good", "gone", "later"}) {
    queue.Ack(ack_id, [&, ack_id](const absl::Status& status) {
      absl::MutexLock lock(&mutex);
      fates[ack_id] = status;
    });
  }
  {
    absl::MutexLock lock(&mutex);
    const auto all = [&] { return fates.size() == 3; };
    mutex.Await(absl::Condition(&all));
  }
  EXPECT_TRUE(fates["good"].ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(fates["gone"]));
  EXPECT_TRUE(fates["later"].ok());
  EXPECT_EQ(calls, 3);
}

TEST(AckQueue, FlushDoesNotWaitForEver) {
  FakeTransport transport([](const auto&, std::stop_token stop) {
    absl::Notification stopped;
    const std::stop_callback notify(stop, [&] { stopped.Notify(); });
    stopped.WaitForNotification();
    return AckResponse{.status = absl::CancelledError("stopped"), .failed = {}};
  });
  absl::Status status;
  {
    AckQueue queue(transport, kFast, Clock::Real());
    queue.Ack("a", [&](const absl::Status& result) { status = result; });
    queue.Flush(absl::Milliseconds(50));
  }
  EXPECT_TRUE(absl::IsCancelled(status));
}

TEST(AckQueue, WhatWasNotSentIsSaid) {
  FakeTransport transport([](const auto&, std::stop_token) {
    return AckResponse{.status = absl::UnavailableError("no"), .failed = {}};
  });
  std::atomic<int> failed{0};
  {
    RetryPolicy slow = kFast;
    slow.initial = slow.max = absl::Hours(1);
    AckQueue queue(transport, slow, Clock::Real());
    for (int i = 0; i < 10; ++i) {
      queue.Ack(StrCat(i), [&](const absl::Status& status) { failed += !status.ok(); });
    }
    queue.Flush(absl::Seconds(10));
    EXPECT_EQ(failed, 10);
  }
  EXPECT_EQ(failed, 10);
}

}  // namespace
}  // namespace millrace::pubsub
