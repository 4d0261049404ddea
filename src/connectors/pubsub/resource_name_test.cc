#include "connectors/pubsub/resource_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::pubsub {
namespace {

using ::testing::HasSubstr;

TEST(ResourceName, TakesEachWayOfWriting) {
  EXPECT_EQ(*TopicName("projects/my-project/topics/errors"), "projects/my-project/topics/errors");
  EXPECT_EQ(*TopicName("pubsub://my-project/errors"), "projects/my-project/topics/errors");
  EXPECT_EQ(*TopicName("errors", "my-project"), "projects/my-project/topics/errors");
  EXPECT_EQ(*TopicName("pubsub://other/errors", "my-project"), "projects/other/topics/errors");
  EXPECT_EQ(*SubscriptionName("pubsub://example.com:p/s-1"),
            "projects/example.com:p/subscriptions/s-1");
}

TEST(ResourceName, ABareNameNeedsAProject) {
  EXPECT_THAT(TopicName("errors").status().message(), HasSubstr("GOOGLE_CLOUD_PROJECT"));
}

TEST(ResourceName, SaysWhatToWriteInstead) {
  for (const char* bad :
       {"", "pubsub://", "pubsub://p", "pubsub://p/", "pubsub:///errors", "projects/p/errors",
        "projects/p/subscriptions/errors", "pubsub://p/no", "pubsub://p/1errors",
        "pubsub://p/google-errors", "pubsub://p/err ors", "pubsub://p/a/b", "projects//topics/abc",
        "gs://bucket/errors", "pubsub://p/err\nors"}) {
    const auto name = TopicName(bad, "");
    EXPECT_TRUE(absl::IsInvalidArgument(name.status())) << bad;
    EXPECT_THAT(name.status().message(), HasSubstr("projects/PROJECT/topics/")) << bad;
  }
  EXPECT_FALSE(TopicName(std::string(300, 'a'), "project").ok());
}

}  // namespace
}  // namespace millrace::pubsub
