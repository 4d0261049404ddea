#include "connectors/pubsub/pubsub_dead_letter_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connectors/pubsub/testing/fake_pubsub.h"
#include "pipeline/dead_letter_record.h"

namespace millrace::pubsub {
namespace {

using ::testing::HasSubstr;

const LedgerKey kObject{.object = "gs://lake/day=01/part-0.parquet",
                        .version = "1713928381988123",
                        .config = "orders-0123456789ab",
                        .destination = "mixpanel:api.mixpanel.com:42:events"};

Rejection At(uint64_t row) {
  return {.source_row = row,
          .code = "invalid_time",
          .field = "ts",
          .message = "no time",
          .payload_before = "{\"ts\":\"x\"}"};
}

constexpr absl::Duration kGrace = absl::Seconds(10);

TEST(PubsubDeadLetterQueue, AttributesSayWhatAFilterWants) {
  const Message message = DeadLetterMessage(kObject, At(6), absl::FromUnixSeconds(1));
  EXPECT_EQ(message.attributes.at("reason"), "invalid_time");
  EXPECT_EQ(message.attributes.at("source"), kObject.object);
  EXPECT_EQ(message.attributes.at("version"), kObject.version);
  EXPECT_EQ(message.attributes.at("row"), "7");
  EXPECT_EQ(message.attributes.at("config"), kObject.config);
  EXPECT_EQ(message.attributes.at("destination"), kObject.destination);
  EXPECT_EQ(message.attributes.at("record_id"), ParseDeadLetter(message.data)->id());
  EXPECT_EQ(message.attributes.at("record_id"),
            DeadLetterMessage(kObject, At(6), absl::FromUnixSeconds(2)).attributes.at("record_id"));
  EXPECT_EQ(message.data.find('\n'), std::string::npos);
}

TEST(PubsubDeadLetterQueue, WhatNoMessageHoldsIsCutAndSaysSo) {
  Rejection huge = At(0);
  // Each of these is six bytes of JSON.
  huge.payload_before = std::string(5 << 20, '\x01');
  huge.payload_after = std::string(3 << 20, '\x02');
  LedgerKey object = kObject;
  object.object = "gs://lake/" + std::string(3000, 'x');
  const Message message = DeadLetterMessage(object, huge, absl::UnixEpoch());
  EXPECT_TRUE(CheckMessage(message).ok()) << CheckMessage(message);
  const auto record = ParseDeadLetter(message.data);
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->payload_before_bytes, huge.payload_before.size());
  EXPECT_EQ(record->payload_after_bytes, huge.payload_after.size());
  EXPECT_EQ(record->object, object);
  EXPECT_FALSE(record->rejection.payload_before.empty());
}

TEST(PubsubDeadLetterQueue, WhatIsNoTextIsNoAttribute) {
  LedgerKey object = kObject;
  object.object = "file:///\xff";
  const Message message = DeadLetterMessage(object, At(0), absl::UnixEpoch());
  EXPECT_TRUE(CheckMessage(message).ok());
  EXPECT_EQ(ParseDeadLetter(message.data)->object, object);
}

TEST(PubsubDeadLetterQueue, SyncFailsUntilTheTopicHasThem) {
  FakePubsub pubsub;
  const auto dead_letter = NewPubsubDeadLetterQueue(pubsub, {}, kGrace);
  ASSERT_TRUE(dead_letter->Add(kObject, {At(1), At(2)}).ok());
  EXPECT_TRUE(pubsub.published().empty());
  pubsub.FailPublish(absl::PermissionDeniedError("projects/p/topics/t: no"));
  const absl::Status status = dead_letter->Sync(kObject);
  EXPECT_TRUE(absl::IsPermissionDenied(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("storing rejected records: "));
  pubsub.FailPublish(absl::OkStatus());
  ASSERT_TRUE(dead_letter->Sync(kObject).ok());
  EXPECT_EQ(pubsub.published().size(), 2u);
  ASSERT_TRUE(dead_letter->Sync(kObject).ok());
  EXPECT_EQ(pubsub.published().size(), 2u);
}

TEST(PubsubDeadLetterQueue, ManyRecordsDoNotWaitForSync) {
  FakePubsub pubsub;
  const auto dead_letter = NewPubsubDeadLetterQueue(pubsub, {}, kGrace);
  Rejection large = At(0);
  large.payload_before = std::string(1 << 20, 'x');
  for (uint64_t row = 0; row < 20; ++row) {
    large.source_row = row;
    ASSERT_TRUE(dead_letter->Add(kObject, {large}).ok());
  }
  EXPECT_GE(pubsub.published().size(), 12u);
}

}  // namespace
}  // namespace millrace::pubsub
