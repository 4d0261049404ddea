// What is special about the sink into Pub/Sub: outcomes, order, and requests in flight.
#include "connectors/pubsub/pubsub_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "base/strings.h"
#include "connectors/pubsub/publish_outcome.h"
#include "connectors/pubsub/publish_plan.h"
#include "connectors/pubsub/testing/scripted_pubsub.h"

namespace millrace::pubsub {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr char kTopic[] = "projects/p/topics/good";

Batch MakeBatch(int rows, int users) {
  Batch batch;
  for (int n = 0; n < rows; ++n) {
    batch.bytes.Append(
        StrCat(R"({"event":"e","properties":{"distinct_id":"u)", n % users, R"(","n":)", n, "}}"));
    batch.EndRow(static_cast<uint64_t>(n));
  }
  return batch;
}

int NumberOf(const google::pubsub::v1::PubsubMessage& message) {
  const std::string& data = message.data();
  return std::stoi(data.substr(data.rfind(':') + 1));
}

void Confirm(const google::pubsub::v1::PublishRequest& request,
             google::pubsub::v1::PublishResponse& response) {
  for (int i = 0; i < request.messages_size(); ++i) response.add_message_ids("id");
}

class PubsubSinkTest : public testing::Test {
 protected:
  std::unique_ptr<Sink> Open(SinkOptions options = {}) {
    server_.Start();
    connection_ = std::make_unique<Connection>(server_.options());
    options.topic = kTopic;
    return NewPubsubSink(*connection_, traffic_, std::move(options));
  }

  ScriptedPubsub server_;
  std::unique_ptr<Connection> connection_;
  Traffic traffic_;
};

TEST_F(PubsubSinkTest, OutcomesAreByCode) {
  struct Case {
    grpc::StatusCode code;
    bool retryable;
    bool throttled;
    const char* advice;
  };
  using Code = grpc::StatusCode;
  std::atomic<Code> code;
  server_.publish = [&](int, const auto&, auto&, auto&) {
    return grpc::Status(code, "the server's words");
  };
  const std::unique_ptr<Sink> sink = Open();
  for (const Case& c :
       {Case{Code::UNAVAILABLE, true, false, ""}, Case{Code::INTERNAL, true, false, ""},
        Case{Code::ABORTED, true, false, ""}, Case{Code::UNKNOWN, true, false, ""},
        Case{Code::CANCELLED, true, false, ""}, Case{Code::DEADLINE_EXCEEDED, true, false, ""},
        Case{Code::RESOURCE_EXHAUSTED, true, true, ""},
        Case{Code::NOT_FOUND, false, false, "millrace destinations create"},
        Case{Code::PERMISSION_DENIED, false, false, "roles/pubsub.publisher"},
        Case{Code::UNAUTHENTICATED, false, false, "GOOGLE_APPLICATION_CREDENTIALS"},
        Case{Code::FAILED_PRECONDITION, false, false, ""},
        Case{Code::UNIMPLEMENTED, false, false, ""}}) {
    code = c.code;
    const WriteResult result = sink->Write(MakeBatch(3, 1), {}, {});
    EXPECT_FALSE(result.durable() || result.refused_whole()) << result.status();
    EXPECT_EQ(result.retryable(), c.retryable) << result.status();
    EXPECT_EQ(result.throttled(), c.throttled) << result.status();
    EXPECT_THAT(std::string(ToStd(result.status().message())),
                AllOf(HasSubstr("publishing to Pub/Sub: projects/p/topics/good"),
                      HasSubstr("the server's words"), HasSubstr(c.advice)));
  }
  for (const Code refused : {Code::INVALID_ARGUMENT, Code::OUT_OF_RANGE}) {
    code = refused;
    EXPECT_TRUE(sink->Write(MakeBatch(3, 1), {}, {}).refused_whole());
  }
  code = Code::OK;  // without message ids
  const WriteResult unconfirmed = sink->Write(MakeBatch(3, 1), {}, {});
  EXPECT_TRUE(!unconfirmed.durable() && unconfirmed.retryable()) << unconfirmed.status();
  EXPECT_THAT(std::string(ToStd(unconfirmed.status().message())),
              HasSubstr("3 messages were sent and 0 confirmed"));
}

// They say nothing about the rows.
TEST(PubsubSinkCredentialsTest, CredentialsThatCannotBeUsedStopTheRun) {
  Traffic traffic;
  absl::Status why;
  Connection connection({.address = "127.0.0.1:1", .credentials = [&](std::stop_token) {
                           return absl::StatusOr<grpc_client::Headers>(why);
                         }});
  const std::unique_ptr<Sink> sink = NewPubsubSink(connection, traffic, {.topic = kTopic});
  for (const absl::Status& status : {absl::InvalidArgumentError("the key file is broken"),
                                     absl::UnauthenticatedError("the key was deleted")}) {
    why = status;
    const WriteResult result = sink->Write(MakeBatch(3, 1), {}, {});
    EXPECT_FALSE(result.durable() || result.retryable() || result.refused_whole());
    EXPECT_THAT(std::string(ToStd(result.status().message())), HasSubstr("the key"));
  }
  why = absl::UnavailableError("the metadata server is down");
  EXPECT_TRUE(sink->Write(MakeBatch(3, 1), {}, {}).retryable());
}

TEST_F(PubsubSinkTest, RequestsAreInFlightTogether) {
  absl::Mutex mutex;
  int begun = 0;
  server_.publish = [&](int, const auto& request, auto& response, auto&) {
    absl::MutexLock lock(&mutex);
    ++begun;
    // Never true for a request that waits for the one before it.
    mutex.Await(absl::Condition(
        +[](int* count) { return *count == 4; }, &begun));
    Confirm(request, response);
    return grpc::Status::OK;
  };
  const std::unique_ptr<Sink> sink = Open({.max_requests = 4});
  const WriteResult result = sink->Write(MakeBatch(4000, 1), {}, {});
  EXPECT_TRUE(result.durable()) << result.status();
  EXPECT_EQ(traffic_.requests, 4u);
  EXPECT_GT(traffic_.bytes_sent, 4000u * 50);
}

// A server that fails now and then, before or after it has stored the messages.
TEST_F(PubsubSinkTest, AFailureLosesAndReordersNothingOfAKey) {
  constexpr int kRows = 20'000, kUsers = 40;
  absl::Mutex mutex;
  std::map<std::string, std::vector<int>> by_key;
  int in_order = 0;
  server_.publish = [&](int call, const auto& request, auto& response, auto&) {
    if (call % 5 == 0) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "before");
    absl::MutexLock lock(&mutex);
    for (const auto& message : request.messages()) {
      by_key[message.ordering_key()].push_back(NumberOf(message));
    }
    ++in_order;
    if (call % 7 == 0) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "after");
    Confirm(request, response);
    return grpc::Status::OK;
  };
  const std::unique_ptr<Sink> sink =
      Open({.messages = {.ordered = true}, .request = {.messages = 300, .bytes = 1'000'000}});
  const Batch batch = MakeBatch(kRows, kUsers);
  int writes = 1;
  while (true) {
    const WriteResult result = sink->Write(batch, {}, {});
    if (result.durable()) break;
    ASSERT_TRUE(result.retryable()) << result.status();
    ASSERT_LT(++writes, 1000);
  }
  EXPECT_GT(writes, 3);
  absl::MutexLock lock(&mutex);
  ASSERT_EQ(by_key.size(), size_t{kUsers});
  for (auto& [key, numbers] : by_key) {
    // Each message, when it arrives for the first time, follows the one before it.
    int last = -1;
    for (const int number : numbers) {
      if (number <= last) continue;
      const int next = last < 0 ? std::stoi(key.substr(1)) : last + kUsers;
      ASSERT_EQ(number, next) << key;
      last = number;
    }
    EXPECT_EQ(last, kRows - kUsers + std::stoi(key.substr(1))) << key;
  }
}

TEST_F(PubsubSinkTest, WhatIsDurableIsNotSentAgain) {
  absl::Mutex mutex;
  std::map<int, int> arrived;
  server_.publish = [&](int call, const auto& request, auto& response, auto&) {
    if (call == 3) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "once");
    absl::MutexLock lock(&mutex);
    for (const auto& message : request.messages()) ++arrived[NumberOf(message)];
    Confirm(request, response);
    return grpc::Status::OK;
  };
  const std::unique_ptr<Sink> sink = Open();
  const Batch batch = MakeBatch(5000, 3);
  EXPECT_FALSE(sink->Write(batch, {}, {}).durable());
  EXPECT_TRUE(sink->Write(batch, {}, {}).durable());
  absl::MutexLock lock(&mutex);
  EXPECT_EQ(arrived.size(), 5000u);
  EXPECT_TRUE(std::all_of(arrived.begin(), arrived.end(), [](auto& n) { return n.second == 1; }));
}

// How many requests a lane of `rows` bad rows takes if another lane is still in flight.
int RequestsOfABadLane(size_t rows) {
  const auto lane = [](size_t begin, size_t end) {
    Lane lane;
    for (size_t row = begin; row < end; ++row) lane.push_back({.row = row, .bytes = 1});
    return lane;
  };
  PublishPlan plan({});
  plan.Begin(MakeBatch(static_cast<int>(rows) + 1, 1), {lane(rows, rows + 1), lane(0, rows)});
  (void)plan.Next();
  int requests = 0;
  while (!plan.refused_whole()) {
    const auto next = plan.Next();
    if (!next) break;
    ++requests;
    plan.Refused(*next, "bad");
  }
  return requests;
}

// Rows whose outcome is unknown must not become dead letters.
TEST_F(PubsubSinkTest, AFailureIsReportedBeforeRefusals) {
  constexpr int kBad = 1000;
  absl::Mutex mutex;
  const int expected = RequestsOfABadLane(kBad);
  int refused = 0;
  std::optional<grpc::Status> failure;
  server_.publish = [&](int, const auto& request, auto& response, auto&) {
    absl::MutexLock lock(&mutex);
    if (NumberOf(request.messages(0)) < kBad) {
      ++refused;
      return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "bad");
    }
    const auto searched = [&] { return refused >= expected; };
    mutex.Await(absl::Condition(&searched));
    if (failure) return *failure;
    Confirm(request, response);
    return grpc::Status::OK;
  };
  const std::unique_ptr<Sink> sink = Open();
  const Batch batch = MakeBatch(kBad + 1, 1);
  failure = grpc::Status(grpc::StatusCode::UNAVAILABLE, "later");
  const WriteResult unknown = sink->Write(batch, {}, {});
  ASSERT_FALSE(unknown.durable() || unknown.refused_whole()) << unknown.status();
  EXPECT_TRUE(unknown.retryable());

  // The next writes resume the batch: they send only the row whose outcome is unknown.
  failure = grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "no role");
  const WriteResult denied = sink->Write(batch, {}, {});
  EXPECT_FALSE(denied.durable() || denied.refused_whole() || denied.retryable());
  EXPECT_THAT(std::string(ToStd(denied.status().message())), HasSubstr("no role"));

  failure.reset();
  const WriteResult durable = sink->Write(batch, {}, {});
  ASSERT_TRUE(durable.durable()) << durable.status();
  EXPECT_EQ(durable.refused().size(), size_t{kBad});
  EXPECT_EQ(refused, expected);
}

TEST_F(PubsubSinkTest, AStopEndsARequestThatHangs) {
  absl::Notification begun;
  server_.publish = [&](int, const auto&, auto&, grpc::ServerContext& context) {
    if (!begun.HasBeenNotified()) begun.Notify();
    return ScriptedPubsub::WaitForEnd(context);
  };
  const std::unique_ptr<Sink> sink = Open({.stop_grace = absl::Milliseconds(10)});
  std::stop_source stop;
  std::jthread stopper([&] {
    begun.WaitForNotification();
    stop.request_stop();
  });
  const WriteResult result = sink->Write(MakeBatch(1, 1), {}, stop.get_token());
  EXPECT_TRUE(!result.durable() && result.retryable());
  EXPECT_TRUE(absl::IsCancelled(result.status())) << result.status();
}

TEST_F(PubsubSinkTest, AStopLetsTheServerFinish) {
  absl::Notification begun, stopped;
  server_.publish = [&](int call, const auto& request, auto& response, auto&) {
    if (call == 1) {
      begun.Notify();
      stopped.WaitForNotification();
    }
    Confirm(request, response);
    return grpc::Status::OK;
  };
  const std::unique_ptr<Sink> sink = Open({.max_requests = 1});
  std::stop_source stop;
  std::jthread stopper([&] {
    begun.WaitForNotification();
    stop.request_stop();
    stopped.Notify();
  });
  EXPECT_TRUE(sink->Write(MakeBatch(2500, 1), {}, stop.get_token()).durable());
  EXPECT_EQ(traffic_.requests, 3u);
}

TEST_F(PubsubSinkTest, ARequestThatHangsTimesOut) {
  server_.publish = [&](int call, const auto& request, auto& response,
                        grpc::ServerContext& context) {
    if (call == 1) return ScriptedPubsub::WaitForEnd(context);
    Confirm(request, response);
    return grpc::Status::OK;
  };
  const std::unique_ptr<Sink> sink = Open({.timeout = absl::Milliseconds(100)});
  const Batch batch = MakeBatch(1, 1);
  const WriteResult late = sink->Write(batch, {}, {});
  EXPECT_TRUE(absl::IsDeadlineExceeded(late.status())) << late.status();
  EXPECT_TRUE(late.retryable());
}

}  // namespace
}  // namespace millrace::pubsub
