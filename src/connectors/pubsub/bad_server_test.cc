// What users meet when Pub/Sub is not well, or not theirs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/synchronization/notification.h"
#include "base/strings.h"
#include "connectors/pubsub/publisher.h"
#include "connectors/pubsub/rpc_status.pb.h"
#include "connectors/pubsub/subscription.h"
#include "connectors/pubsub/testing/scripted_pubsub.h"
#include "net/testing/test_certificate.h"

namespace millrace::pubsub {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kName[] = "projects/p/subscriptions/uploads";
constexpr char kTopic[] = "projects/p/topics/errors";

const RetryPolicy kFast{.initial = absl::Milliseconds(1),
                        .max = absl::Milliseconds(5),
                        .min_jitter = absl::ZeroDuration(),
                        .max_jitter = absl::Milliseconds(1),
                        .give_up_after = absl::Seconds(30)};

grpc::Status Unavailable() { return {grpc::StatusCode::UNAVAILABLE, "try again"}; }

std::string NextText(Subscription& subscription) {
  const auto next = subscription.Next({});
  EXPECT_TRUE(next.ok()) << next.status();
  if (!next.ok()) return "";
  (*next)->Ack();
  return (*next)->message().data;
}

class BadServer : public testing::Test {
 protected:
  std::unique_ptr<Subscription> Open(SubscriptionOptions options = {}) {
    options.name = kName;
    options.retry = kFast;
    connection_ = std::make_unique<Connection>(server_.options());
    return OpenSubscription(*connection_, std::move(options));
  }

  absl::Status Publish(std::vector<Message> messages, PublisherOptions options = {},
                       std::stop_token stop = {}) {
    options.topic = kTopic;
    options.retry = kFast;
    connection_ = std::make_unique<Connection>(server_.options());
    return NewPublisher(*connection_, options)->Publish(messages, std::move(stop));
  }

  ScriptedPubsub server_;
  std::unique_ptr<Connection> connection_;
};

TEST_F(BadServer, StreamsThatBreakAreOpenedAgain) {
  server_.pull = [](int call, scripted::Stream& stream, grpc::ServerContext& context) {
    if (call <= 5) return Unavailable();
    stream.Write(ScriptedPubsub::Response(StrCat("from stream ", call)));
    if (call <= 7) return Unavailable();
    return ScriptedPubsub::WaitForEnd(context);
  };
  server_.Start();
  const auto subscription = Open();
  EXPECT_EQ(NextText(*subscription), "from stream 6");
  EXPECT_EQ(NextText(*subscription), "from stream 7");
  EXPECT_EQ(NextText(*subscription), "from stream 8");
  EXPECT_EQ(subscription->counts().streams, 8u);
}

TEST_F(BadServer, WhatIsForGoodSaysWhatToDo) {
  struct Case {
    grpc::StatusCode code;
    const char* advice;
  };
  std::atomic<grpc::StatusCode> code;
  server_.pull = [&](int, scripted::Stream&, grpc::ServerContext&) {
    return grpc::Status(code, "the server's words");
  };
  server_.Start();
  for (const Case& bad : {Case{grpc::StatusCode::NOT_FOUND, "gcloud pubsub subscriptions create"},
                          Case{grpc::StatusCode::PERMISSION_DENIED, "roles/pubsub.subscriber"},
                          Case{grpc::StatusCode::UNAUTHENTICATED, "GOOGLE_APPLICATION_CREDENTIALS"},
                          Case{grpc::StatusCode::INVALID_ARGUMENT, "the server's words"}}) {
    code = bad.code;
    const auto subscription = Open();
    const absl::Status status = subscription->Next({}).status();
    EXPECT_EQ(static_cast<int>(status.code()), static_cast<int>(bad.code));
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr("pulling from Pub/Sub"), HasSubstr(kName),
                      HasSubstr("the server's words"), HasSubstr(bad.advice)));
    EXPECT_EQ(subscription->Next({}).status(), status);
  }
}

TEST_F(BadServer, GivesUpIfThePolicySaysSo) {
  // A port on which nothing listens.
  auto gone = std::make_unique<ScriptedPubsub>();
  gone->Start();
  Connection connection(gone->options());
  gone.reset();
  RetryPolicy retry = kFast;
  retry.give_up_after = absl::Milliseconds(50);
  const auto subscription = OpenSubscription(connection, {.name = kName, .retry = retry});
  const absl::Status status = subscription->Next({}).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("giving up"));
}

TEST_F(BadServer, AServerThatHangsIsLeftSoon) {
  server_.Start();
  const auto subscription = Open();
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_TRUE(absl::IsCancelled(subscription->Next(stop.get_token()).status()));
  subscription->Close(absl::ZeroDuration());
}

TEST_F(BadServer, LeasesAreExtendedWhileAMessageIsHeld) {
  server_.pull = [](int, scripted::Stream& stream, grpc::ServerContext& context) {
    stream.Write(ScriptedPubsub::Response("slow"));
    return ScriptedPubsub::WaitForEnd(context);
  };
  absl::Notification twice;
  absl::Mutex mutex;
  std::vector<std::string> extended;
  server_.modify = [&](int call, const auto& request) {
    absl::MutexLock lock(&mutex);
    if (call == 1) return Unavailable();  // and it is tried again
    for (const auto& id : request.ack_ids()) {
      extended.push_back(StrCat(id, " ", request.ack_deadline_seconds()));
    }
    if (extended.size() == 2) twice.Notify();
    return grpc::Status::OK;
  };
  server_.Start();
  const auto subscription =
      Open({.leases = {.first = absl::Milliseconds(50), .min = absl::Seconds(1)}});
  const auto delivery = subscription->Next({});
  ASSERT_TRUE(delivery.ok());
  twice.WaitForNotification();
  (*delivery)->Ack();
  subscription->Close();
  absl::MutexLock lock(&mutex);
  EXPECT_EQ(extended[0], "ack-slow 1");
  EXPECT_EQ(extended[1], "ack-slow 1");
  EXPECT_GE(subscription->counts().extended, 1u);
}

TEST_F(BadServer, NoMoreIsHeldThanAllowed) {
  server_.pull = [](int, scripted::Stream& stream, grpc::ServerContext& context) {
    for (int i = 0; i < 200; ++i) stream.Write(ScriptedPubsub::Response(StrCat(i)));
    return ScriptedPubsub::WaitForEnd(context);
  };
  server_.Start();
  const auto subscription = Open({.max_messages = 10});
  std::vector<std::unique_ptr<Delivery>> held;
  for (int i = 0; i < 10; ++i) held.push_back(*subscription->Next({}));
  EXPECT_FALSE(subscription->Ready());
  EXPECT_EQ(subscription->counts().received, 10u);
  for (int i = 10; i < 200; ++i) {
    held.front()->Ack();
    held.erase(held.begin());
    held.push_back(*subscription->Next({}));
    EXPECT_EQ(held.back()->message().data, StrCat(i));
    EXPECT_LE(subscription->counts().received, static_cast<uint64_t>(i) + 1);
  }
}

TEST_F(BadServer, AFateOfEachIdIsHonoured) {
  server_.pull = [](int, scripted::Stream& stream, grpc::ServerContext& context) {
    for (const char* text : {"gone", "later", "good"}) {
      stream.Write(ScriptedPubsub::Response(text, /*exactly_once=*/true));
    }
    return ScriptedPubsub::WaitForEnd(context);
  };
  std::atomic<int> laters{0};
  server_.ack = [&](int, const auto& request) {
    google::rpc::ErrorInfo info;
    for (const auto& id : request.ack_ids()) {
      if (id == "ack-gone") (*info.mutable_metadata())[id] = "PERMANENT_FAILURE_INVALID_ACK_ID";
      if (id == "ack-later" && ++laters == 1) {
        (*info.mutable_metadata())[id] = "TRANSIENT_FAILURE_SERVICE_UNAVAILABLE";
      }
    }
    if (info.metadata().empty()) return grpc::Status::OK;
    google::rpc::Status details;
    details.add_details()->PackFrom(info);
    return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "some ack ids failed",
                        details.SerializeAsString());
  };
  server_.Start();
  const auto subscription = Open();
  std::map<std::string, absl::Status> fates;
  absl::Mutex mutex;
  for (int i = 0; i < 3; ++i) {
    const auto delivery = subscription->Next({});
    ASSERT_TRUE(delivery.ok());
    (*delivery)->Ack([&, text = (*delivery)->message().data](const absl::Status& status) {
      absl::MutexLock lock(&mutex);
      fates[text] = status;
    });
  }
  {
    absl::MutexLock lock(&mutex);
    const auto all = [&] { return fates.size() == 3; };
    mutex.Await(absl::Condition(&all));
  }
  EXPECT_TRUE(absl::IsFailedPrecondition(fates["gone"]));
  EXPECT_TRUE(fates["later"].ok());
  EXPECT_TRUE(fates["good"].ok());
  EXPECT_EQ(laters, 2);
  EXPECT_EQ(subscription->counts().acked, 2u);
  EXPECT_EQ(subscription->counts().acks_failed, 1u);
}

TEST_F(BadServer, NackLaterPutsAMessageOff) {
  server_.pull = [](int, scripted::Stream& stream, grpc::ServerContext& context) {
    stream.Write(ScriptedPubsub::Response("x"));
    stream.Write(ScriptedPubsub::Response("x"));
    return ScriptedPubsub::WaitForEnd(context);
  };
  absl::Mutex mutex;
  std::vector<int> seconds;
  server_.modify = [&](int, const auto& request) {
    absl::MutexLock lock(&mutex);
    for (int i = 0; i < request.ack_ids_size(); ++i) {
      seconds.push_back(request.ack_deadline_seconds());
    }
    return grpc::Status::OK;
  };
  server_.Start();
  const auto subscription = Open();
  for (int i = 0; i < 2; ++i) (*subscription->Next({}))->NackLater();
  subscription->Close();
  absl::MutexLock lock(&mutex);
  EXPECT_THAT(seconds, testing::UnorderedElementsAre(10, 20));
}

TEST_F(BadServer, APublishIsTriedAgain) {
  server_.publish = [](int call, const auto& request, auto& response, grpc::ServerContext&) {
    if (call <= 3) return Unavailable();
    // The fourth says less than it should: not all are confirmed.
    const int confirmed = call == 4 ? 1 : request.messages_size();
    for (int i = 0; i < confirmed; ++i) response.add_message_ids("m");
    return grpc::Status::OK;
  };
  server_.Start();
  const absl::Status status = Publish({{.data = "a"}, {.data = "b"}});
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(BadServer, NoPublishIsTooLarge) {
  std::atomic<int> messages{0};
  std::atomic<size_t> largest{0};
  server_.publish = [&](int, const auto& request, auto& response, grpc::ServerContext&) {
    if (request.messages_size() > 1000) return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "");
    largest = std::max<size_t>(largest, request.ByteSizeLong());
    messages += request.messages_size();
    for (int i = 0; i < request.messages_size(); ++i) response.add_message_ids("m");
    return grpc::Status::OK;
  };
  server_.Start();
  std::vector<Message> many(2'500, Message{.data = "x", .attributes = {{"a", "b"}}});
  for (int i = 0; i < 5; ++i)
    many.push_back({.data = std::string(4'000'000, 'x'), .attributes = {}});
  EXPECT_TRUE(Publish(many).ok());
  EXPECT_EQ(messages, 2'505);
  EXPECT_LE(largest, 10'000'000u);
}

TEST_F(BadServer, ARefusedPublishSaysWhatToDo) {
  server_.publish = [](int, const auto&, auto&, grpc::ServerContext&) {
    return grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "no");
  };
  server_.Start();
  const absl::Status status = Publish({{.data = "a"}});
  EXPECT_TRUE(absl::IsPermissionDenied(status));
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(kTopic), HasSubstr("roles/pubsub.publisher")));
}

TEST_F(BadServer, APublishThatHangsIsTriedAgain) {
  server_.publish = [](int call, const auto&, auto& response, grpc::ServerContext& context) {
    if (call == 1) return ScriptedPubsub::WaitForEnd(context);
    response.add_message_ids("1");
    return grpc::Status::OK;
  };
  server_.Start();
  EXPECT_TRUE(Publish({{.data = "a"}}, {.timeout = absl::Milliseconds(100)}).ok());
}

TEST_F(BadServer, APublishThatHangsEndsWithAStop) {
  std::stop_source stop;
  server_.publish = [&stop](int, const auto&, auto&, grpc::ServerContext& context) {
    stop.request_stop();
    return ScriptedPubsub::WaitForEnd(context);
  };
  server_.Start();
  EXPECT_TRUE(absl::IsCancelled(
      Publish({{.data = "a"}}, {.timeout = absl::InfiniteDuration()}, stop.get_token())));
}

TEST_F(BadServer, CredentialsGoOverTlsOnly) {
  const TestCertificate certificate = MakeTestCertificate("IP:127.0.0.1");
  grpc::SslServerCredentialsOptions tls;
  tls.pem_key_cert_pairs.push_back({certificate.private_key, certificate.certificate});
  std::string authorization;
  server_.publish = [&](int, const auto&, auto& response, grpc::ServerContext& context) {
    const auto found = context.client_metadata().find("authorization");
    if (found != context.client_metadata().end()) {
      authorization.assign(found->second.data(), found->second.size());
    }
    response.add_message_ids("m");
    return grpc::Status::OK;
  };
  server_.Start(grpc::SslServerCredentials(tls));
  ConnectionOptions options = server_.options();
  options.credentials = [](std::stop_token) {
    return grpc_client::Headers{{"authorization", "Bearer secret"}};
  };

  // Nobody says that this certificate is to be trusted.
  Connection strict(options);
  EXPECT_FALSE(
      NewPublisher(strict, {.topic = kTopic, .retry = {.give_up_after = absl::ZeroDuration()}})
          ->Publish({{.data = "a"}}, {})
          .ok());
  EXPECT_EQ(authorization, "");

  const std::string path = StrCat(testing::TempDir(), "/pubsub_test_ca.", getpid(), ".pem");
  std::ofstream(path) << certificate.certificate;
  options.ca_file = path;
  Connection trusting(options);
  const absl::Status status =
      NewPublisher(trusting, {.topic = kTopic, .retry = kFast})->Publish({{.data = "a"}}, {});
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(authorization, "Bearer secret");
  std::filesystem::remove(path);
}

TEST(ConnectionOptions, TheEnvironmentNamesTheHost) {
  const auto with = [](std::string_view name, std::string value) {
    return ConnectionOptionsFrom([=](std::string_view asked) {
      return asked == name ? std::optional(value) : std::nullopt;
    });
  };
  EXPECT_EQ(with("", "").address, "pubsub.googleapis.com:443");
  EXPECT_FALSE(with("", "").plaintext);
  EXPECT_EQ(with("PUBSUB_EMULATOR_HOST", "localhost:8085").address, "localhost:8085");
  EXPECT_TRUE(with("PUBSUB_EMULATOR_HOST", "localhost:8085").plaintext);
  EXPECT_EQ(with("CLOUD_PUBSUB_ENDPOINT", "europe-west1-pubsub.googleapis.com:443").address,
            "europe-west1-pubsub.googleapis.com:443");
  EXPECT_FALSE(with("CLOUD_PUBSUB_ENDPOINT", "europe-west1-pubsub.googleapis.com:443").plaintext);
}

}  // namespace
}  // namespace millrace::pubsub
