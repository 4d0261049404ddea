#include "connectors/pubsub/topic_admin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "connectors/pubsub/testing/scripted_pubsub.h"

namespace millrace::pubsub {
namespace {

using Code = grpc::StatusCode;
using testing::HasSubstr;

constexpr char kTopic[] = "projects/p/topics/good";

class TopicAdminTest : public testing::Test {
 protected:
  std::vector<AccessCheck> Check() { return CheckTopic(connection(), kTopic, {}); }
  Connection& connection() {
    if (connection_ == nullptr) {
      server_.Start();
      connection_ = std::make_unique<Connection>(server_.options());
    }
    return *connection_;
  }
  void Grant(bool granted) {
    server_.permissions = [granted](const std::string&, auto& permissions) {
      if (granted) permissions.Add("pubsub.topics.publish");
      return grpc::Status::OK;
    };
  }

  ScriptedPubsub server_;
  std::unique_ptr<Connection> connection_;
};

TEST_F(TopicAdminTest, AllIsWell) {
  Grant(true);
  const auto checks = Check();
  ASSERT_EQ(checks.size(), 2u);
  EXPECT_EQ(checks[0].what, "publish to projects/p/topics/good");
  EXPECT_EQ(checks[1].what, "a subscription of projects/p/topics/good");
  for (const AccessCheck& check : checks) {
    EXPECT_TRUE(check.status.ok()) << check.status;
    EXPECT_EQ(check.remedy, "");
  }
}

// roles/pubsub.publisher is enough: it may publish and look nothing up.
TEST_F(TopicAdminTest, APublisherMayLookNothingUp) {
  Grant(true);
  const auto denied = [](auto&) { return grpc::Status(Code::PERMISSION_DENIED, "no"); };
  server_.get_topic = denied;
  server_.list_subscriptions = denied;
  const auto checks = Check();
  ASSERT_EQ(checks.size(), 1u);
  EXPECT_TRUE(checks[0].status.ok()) << checks[0].status;
}

TEST_F(TopicAdminTest, AMissingTopic) {
  server_.get_topic = [](auto&) { return grpc::Status(Code::NOT_FOUND, "gone"); };
  Grant(false);
  for (int round = 0; round < 2; ++round) {
    const auto checks = Check();
    ASSERT_EQ(checks.size(), 1u);
    EXPECT_TRUE(absl::IsNotFound(checks[0].status)) << checks[0].status;
    EXPECT_EQ(checks[0].remedy, "millrace destinations create pubsub://p/good");
    // As an emulator says it.
    server_.permissions = [](const auto&, auto&) { return grpc::Status(Code::UNIMPLEMENTED, ""); };
  }
}

TEST_F(TopicAdminTest, AMissingPermission) {
  Grant(false);
  server_.get_topic = [](auto&) { return grpc::Status(Code::PERMISSION_DENIED, "no"); };
  const auto checks = Check();
  ASSERT_EQ(checks.size(), 1u);
  EXPECT_TRUE(absl::IsPermissionDenied(checks[0].status)) << checks[0].status;
  EXPECT_THAT(checks[0].remedy, HasSubstr("gcloud pubsub topics add-iam-policy-binding good"));
  EXPECT_THAT(checks[0].remedy, HasSubstr("roles/pubsub.publisher"));
}

TEST_F(TopicAdminTest, AnErrorIsShown) {
  server_.permissions = [](const auto&, auto&) { return grpc::Status(Code::UNAVAILABLE, "down"); };
  const auto checks = Check();
  ASSERT_EQ(checks.size(), 1u);
  EXPECT_TRUE(absl::IsUnavailable(checks[0].status)) << checks[0].status;
  EXPECT_NE(checks[0].remedy, "");
}

TEST_F(TopicAdminTest, ATopicThatNobodyReceives) {
  Grant(true);
  server_.list_subscriptions = [](auto&) { return grpc::Status::OK; };
  const auto checks = Check();
  ASSERT_EQ(checks.size(), 2u);
  EXPECT_TRUE(absl::IsFailedPrecondition(checks[1].status)) << checks[1].status;
  EXPECT_THAT(checks[1].remedy, HasSubstr("gcloud pubsub subscriptions create NAME --topic=good"));
  server_.get_topic = [](auto& topic) {
    topic.mutable_message_retention_duration()->set_seconds(600);
    return grpc::Status::OK;
  };
  EXPECT_TRUE(Check()[1].status.ok());
}

TEST_F(TopicAdminTest, CreateAndDeleteMayBeRepeated) {
  std::string created, deleted;
  server_.create_topic = [&](const std::string& topic) {
    const bool exists = topic == std::exchange(created, topic);
    return exists ? grpc::Status(Code::ALREADY_EXISTS, "there") : grpc::Status::OK;
  };
  server_.delete_topic = [&](const std::string& topic) {
    const bool gone = topic == std::exchange(deleted, topic);
    return gone ? grpc::Status(Code::NOT_FOUND, "gone") : grpc::Status::OK;
  };
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(CreateTopic(connection(), kTopic, {}).ok());
    EXPECT_TRUE(DeleteTopic(connection(), kTopic, {}).ok());
  }
  EXPECT_EQ(created, kTopic);
  EXPECT_EQ(deleted, kTopic);
}

TEST_F(TopicAdminTest, WhoMayOnlyPublishIsToldWhatIsMissing) {
  server_.create_topic = [](const auto&) { return grpc::Status(Code::PERMISSION_DENIED, "no"); };
  server_.delete_topic = server_.create_topic;
  for (const absl::Status& status :
       {CreateTopic(connection(), kTopic, {}), DeleteTopic(connection(), kTopic, {})}) {
    EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
    EXPECT_THAT(std::string(ToStd(status.message())), HasSubstr("roles/pubsub.editor"));
  }
}

}  // namespace
}  // namespace millrace::pubsub
