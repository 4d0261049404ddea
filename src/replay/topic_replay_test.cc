// Dead letters replayed from a subscription.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "connectors/mixpanel/testing/fake_project.h"
#include "connectors/pubsub/pubsub_dead_letter_queue.h"
#include "connectors/pubsub/testing/fake_pubsub.h"
#include "pipeline/testing/plain_destination.h"
#include "replay/replay.h"

namespace millrace {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class TopicReplay : public testing::Test {
 protected:
  // Records of another project are not replayed.
  void UseProject(const std::string& id, SinkFactory sinks = nullptr) {
    destination_.emplace(sinks ? sinks : project_.Sinks(), StrCat("project ", id));
    destination_->record_rules = RecordRules::Mixpanel();
    request_.destination = &*destination_;
  }

  void SetUp() override {
    auto sources = SourcesConfig::Parse(R"([{"config_id":"c","source_gcs_prefix":"gs://lake/",
        "file_type":"NDJSON","mixpanel_event_name":"Buy","field_mappings":[
        {"source_field":"user","mixpanel_field":"distinct_id","type":"string"},
        {"source_field":"when","mixpanel_field":"time","type":"unix_timestamp_auto",
         "is_required_in_source":true}]}])",
                                        "sources.json");
    ASSERT_TRUE(sources.ok()) << sources.status();
    request_.import.sources = *std::move(sources);
    UseProject("1");
    object_ = {.object = "gs://lake/a.ndjson",
               .version = "7",
               .config = "c-0123456789ab",
               .destination = destination_->LedgerName(RecordType::kEvent)};
  }

  // Row `row` of user u<row>, rejected; `when` decides whether it can be mapped now.
  void Reject(uint64_t row, const std::string& when = "1699999200") {
    const Rejection rejection{
        .source_row = row,
        .code = "invalid_time",
        .message = "no time",
        .payload_before = StrCat("{\"user\":\"u", row, "\",\"when\":\"", when, "\"}")};
    const absl::Status status =
        topic_.Publish({pubsub::DeadLetterMessage(object_, rejection, clock_.Now())}, {});
    ASSERT_TRUE(status.ok()) << status;
  }

  ReplayReport Replay(std::stop_token stop = {}) {
    const auto subscription = topic_.Open();
    const auto queue = NewTopicReplayQueue(
        *subscription, {.dry_run = request_.dry_run, .idle = absl::Milliseconds(100)});
    return millrace::Replay(request_, {.queue = *queue}, std::move(stop));
  }

  FakeClock clock_{absl::FromUnixSeconds(1'700'000'000)};
  pubsub::FakePubsub topic_;
  FakeProject project_;
  LedgerKey object_;
  std::optional<PlainDestination> destination_;
  ReplayRequest request_;
};

TEST_F(TopicReplay, AcksDeliveredRecords) {
  Reject(1);
  Reject(2, "soon");
  Reject(3);
  ReplayReport report = Replay();
  ASSERT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.counts.read, 3u);
  EXPECT_EQ(report.counts.accepted, 2u);
  EXPECT_EQ(report.counts.rejected, 1u);
  EXPECT_THAT(report.first_error, HasSubstr("a.ndjson: row 3: "));
  EXPECT_THAT(project_.events(), SizeIs(2));
  EXPECT_EQ(topic_.unacked(), 1u);
  // Only records that were rejected again are redelivered.
  report = Replay();
  EXPECT_EQ(report.counts.read, 1u);
  EXPECT_EQ(report.counts.rejected, 1u);
}

TEST_F(TopicReplay, ARecordThatWasPublishedTwiceIsSentOnce) {
  for (int i = 0; i < 5; ++i) Reject(1);
  const ReplayReport report = Replay();
  EXPECT_EQ(report.counts.read, 1u);
  EXPECT_EQ(report.counts.accepted, 1u);
  EXPECT_THAT(project_.events(), SizeIs(1));
  EXPECT_EQ(topic_.unacked(), 0u);
}

TEST_F(TopicReplay, NothingIsAckedBeforeItIsDelivered) {
  Reject(1);
  const auto subscription = topic_.Open();
  const auto queue = NewTopicReplayQueue(*subscription, {.idle = absl::Milliseconds(100)});
  class StoppedSink : public Sink {
   public:
    WriteResult Write(const Batch&, absl::Span<const BatchSpan>, std::stop_token) override {
      return WriteResult::Stop(absl::UnauthenticatedError("no"));
    }
  };
  UseProject("1", [] { return std::make_unique<StoppedSink>(); });
  const ReplayReport report = millrace::Replay(request_, {.queue = *queue}, {});
  EXPECT_TRUE(absl::IsUnauthenticated(report.status));
  EXPECT_EQ(report.counts.pending(), 1u);
  EXPECT_EQ(topic_.unacked(), 1u);
}

TEST_F(TopicReplay, ADryRunReturnsEverything) {
  Reject(1);
  Reject(2);
  request_.dry_run = true;
  EXPECT_EQ(Replay().counts.accepted, 2u);
  EXPECT_THAT(project_.events(), SizeIs(0));
  EXPECT_EQ(topic_.unacked(), 2u);
  request_.dry_run = false;
  EXPECT_EQ(Replay().counts.accepted, 2u);
  EXPECT_EQ(topic_.unacked(), 0u);
}

TEST_F(TopicReplay, ReturnsWhatTheFilterExcludes) {
  Reject(1);
  object_.object = "gs://lake/b.ndjson";
  Reject(2);
  object_.destination = "mixpanel:http://localhost:2:events";
  Reject(3);
  ASSERT_TRUE(topic_.Publish({{.data = "not a dead letter"}}, {}).ok());
  request_.filter.object = "gs://lake/b";
  const ReplayReport report = Replay();
  EXPECT_EQ(report.counts.read, 1u);
  EXPECT_EQ(report.counts.accepted, 1u);
  EXPECT_EQ(report.not_ours, 1u);
  EXPECT_EQ(report.damaged, 1u);
  EXPECT_FALSE(report.success());
  EXPECT_EQ(topic_.unacked(), 3u);
}

TEST_F(TopicReplay, AnUnreadableSubscriptionIsAnError) {
  topic_.FailPull(absl::NotFoundError("projects/p/subscriptions/s: there is none"));
  const ReplayReport report = Replay();
  EXPECT_TRUE(absl::IsNotFound(report.status));
  EXPECT_THAT(report.first_error, HasSubstr("subscriptions/s"));
}

TEST_F(TopicReplay, AStopEndsTheWaitForMore) {
  Reject(1);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(Replay(stop.get_token()).status));
  EXPECT_EQ(topic_.unacked(), 1u);
}

}  // namespace
}  // namespace millrace
