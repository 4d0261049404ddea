#include "connectors/pubsub/gcs_notification.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::pubsub {
namespace {

using ::testing::HasSubstr;

Attributes Finalize() {
  return {{"notificationConfig", "projects/_/buckets/lake/notificationConfigs/1"},
          {"eventType", "OBJECT_FINALIZE"},
          {"payloadFormat", "JSON_API_V1"},
          {"bucketId", "lake"},
          {"objectId", "day=01/part-0 ü.parquet"},
          {"objectGeneration", "1713928381988123"},
          {"eventTime", "2024-04-24T03:13:01Z"}};
}

std::optional<GcsObjectNotification> Parse(const Attributes& attributes,
                                           std::string_view data = "") {
  const auto notification = ParseGcsNotification(attributes, data);
  EXPECT_TRUE(notification.ok()) << notification.status();
  return notification.ok() ? *notification : std::nullopt;
}

TEST(GcsNotification, OfANewObject) {
  const auto notification =
      Parse(Finalize(), R"({"name":"x","size":"5368709120","generation":"1"})");
  ASSERT_TRUE(notification.has_value());
  EXPECT_EQ(notification->uri, "gs://lake/day=01/part-0 ü.parquet");
  EXPECT_EQ(notification->generation, "1713928381988123");
  EXPECT_EQ(notification->size, 5368709120u);
  EXPECT_EQ(notification->overwrote_generation, "");
  EXPECT_EQ(notification->written, absl::FromUnixSeconds(1713928381));
}

TEST(GcsNotification, OfAnOverwrite) {
  Attributes attributes = Finalize();
  attributes["overwroteGeneration"] = "1713928381988000";
  EXPECT_EQ(Parse(attributes)->overwrote_generation, "1713928381988000");
}

TEST(GcsNotification, WithoutAPayloadHasNoSize) {
  Attributes attributes = Finalize();
  attributes["payloadFormat"] = "NONE";
  EXPECT_EQ(Parse(attributes, R"({"size":"1"})")->size, std::nullopt);
}

TEST(GcsNotification, ADamagedPayloadIsNotBelieved) {
  for (const char* data : {"", "{", "[1]", "\"size\"", R"({"size":-1})", R"({"size":"1e9"})",
                           R"({"size":"99999999999999999999"})", R"({"size":null})"}) {
    EXPECT_EQ(Parse(Finalize(), data)->size, std::nullopt) << data;
  }
  EXPECT_EQ(Parse(Finalize(), std::string(1 << 20, '['))->size, std::nullopt);
  EXPECT_EQ(Parse(Finalize(), std::string(200'000, '['))->size, std::nullopt);
}

TEST(GcsNotification, OtherEventsWantNothing) {
  for (const char* type : {"OBJECT_DELETE", "OBJECT_ARCHIVE", "OBJECT_METADATA_UPDATE"}) {
    EXPECT_EQ(Parse({{"eventType", type}}), std::nullopt) << type;
  }
}

TEST(GcsNotification, WhatIsNoneSaysWhy) {
  struct Case {
    const char* name;
    std::string value;
  };
  for (const Case& bad : std::initializer_list<Case>{{"eventType", ""},
                                                     {"eventType", "finalize"},
                                                     {"bucketId", ""},
                                                     {"bucketId", "../etc"},
                                                     {"bucketId", "Bucket"},
                                                     {"bucketId", std::string(300, 'a')},
                                                     {"objectId", ""},
                                                     {"objectId", std::string(1025, 'a')},
                                                     {"objectId", "a\nb"},
                                                     {"objectId", "\xff"},
                                                     {"objectGeneration", ""},
                                                     {"objectGeneration", "0"},
                                                     {"objectGeneration", "-1"},
                                                     {"objectGeneration", "1 "},
                                                     {"objectGeneration", "99999999999999999999"},
                                                     {"overwroteGeneration", "x"}}) {
    Attributes attributes = Finalize();
    attributes[bad.name] = bad.value;
    const auto notification = ParseGcsNotification(attributes, "");
    EXPECT_TRUE(absl::IsInvalidArgument(notification.status())) << bad.name << "=" << bad.value;
    EXPECT_THAT(notification.status().message(), HasSubstr(bad.name));
    EXPECT_LT(notification.status().message().size(), 300u);
  }
  EXPECT_TRUE(absl::IsInvalidArgument(ParseGcsNotification({}, "").status()));
}

}  // namespace
}  // namespace millrace::pubsub
