#include "connectors/pubsub/topic_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/strings.h"

namespace millrace::pubsub {
namespace {

using testing::HasSubstr;

TopicSpec MustParse(std::string_view uri) {
  absl::StatusOr<TopicSpec> spec = TopicSpec::Parse(uri);
  EXPECT_TRUE(spec.ok()) << uri << ": " << spec.status();
  return spec.ok() ? *std::move(spec) : TopicSpec();
}

std::string Refusal(std::string_view uri) {
  const absl::Status status = TopicSpec::Parse(uri).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << uri << ": " << status;
  return std::string(ToStd(status.message()));
}

TEST(TopicSpecTest, OneTopicIsForAllRecords) {
  const TopicSpec spec = MustParse("pubsub://p-1/good");
  ASSERT_EQ(spec.topics.size(), 3u);
  for (const auto& [type, topic] : spec.topics) EXPECT_EQ(topic, "projects/p-1/topics/good");
  EXPECT_EQ(spec.Label(), "pubsub://p-1/good");
  EXPECT_EQ(spec.form, Form::kRaw);
  EXPECT_FALSE(spec.batches);
  EXPECT_FALSE(spec.ordered);
  EXPECT_TRUE(spec.attributes);
}

TEST(TopicSpecTest, EachTypeHasATopicUnlessSomeAreNamed) {
  const TopicSpec all = MustParse("pubsub://example.com:p");
  ASSERT_EQ(all.topics.size(), 3u);
  EXPECT_EQ(all.topics.at(RecordType::kUser), "projects/example.com:p/topics/users");
  EXPECT_EQ(all.Label(), "pubsub://example.com:p");

  const TopicSpec two = MustParse("pubsub://p?events=clicks&groups=firms");
  ASSERT_EQ(two.topics.size(), 2u);
  EXPECT_EQ(two.topics.at(RecordType::kEvent), "projects/p/topics/clicks");
  EXPECT_EQ(two.topics.at(RecordType::kGroup), "projects/p/topics/firms");
  EXPECT_EQ(two.Label(), "pubsub://p/clicks,firms");
}

TEST(TopicSpecTest, Options) {
  const TopicSpec spec =
      MustParse("pubsub://p/good?form=flat&message=batch&ordering=distinct_id&attributes=none");
  EXPECT_EQ(spec.form, Form::kFlat);
  EXPECT_TRUE(spec.batches);
  EXPECT_TRUE(spec.ordered);
  EXPECT_FALSE(spec.attributes);
  const TopicSpec usual =
      MustParse("pubsub://p/good?form=raw&message=record&ordering=none&attributes=all");
  EXPECT_FALSE(usual.batches || usual.ordered);
  EXPECT_TRUE(usual.attributes);
}

// Ledgers keep these for ever: they must not change, and no two places may share one.
TEST(TopicSpecTest, LedgerNames) {
  EXPECT_EQ(MustParse("pubsub://p/good?form=flat&message=batch").LedgerName(RecordType::kEvent, ""),
            "pubsub://p/good:events");
  EXPECT_EQ(MustParse("pubsub://p").LedgerName(RecordType::kUser, ""), "pubsub://p/users:users");
  EXPECT_EQ(MustParse("pubsub://p/good").LedgerName(RecordType::kGroup, "127.0.0.1:8085"),
            "pubsub://p/good:groups@127.0.0.1:8085");
  std::set<std::string> names;
  for (const char* uri :
       {"pubsub://p/good", "pubsub://p/bad-one", "pubsub://q/good", "pubsub://p"}) {
    for (const RecordType type : kAllRecordTypes) {
      names.insert(MustParse(uri).LedgerName(type, ""));
      names.insert(MustParse(uri).LedgerName(type, "localhost:1"));
    }
  }
  EXPECT_EQ(names.size(), 24u);
}

TEST(TopicSpecTest, WhatCannotBeReadIsRefused) {
  for (const char* uri :
       {"pubsub:p/topic", "pubsub://", "pubsub:///topic", "pubsub://p/", "pubsub://p/t/u",
        "pubsub://p?events=", "pubsub://p?events=ab", "pubsub://p/goog-topic", "pubsub://p q/topic",
        "pubsub://p/topic?nonsense=1", "pubsub://p/topic?form=xml", "pubsub://p/topic?message=rows",
        "pubsub://p/topic?ordering=event", "pubsub://p/topic?attributes=some",
        "pubsub://p?table=topic"}) {
    EXPECT_NE(Refusal(uri), "") << uri;
  }
  EXPECT_THAT(Refusal("pubsub://p/topic?form=table"), HasSubstr("form is raw or flat"));
  EXPECT_THAT(Refusal("pubsub://p/topic?events=E"), HasSubstr("is for all records"));
  EXPECT_THAT(Refusal("pubsub://p/topic?x=1"), HasSubstr("events, users, groups, form"));
}

}  // namespace
}  // namespace millrace::pubsub
