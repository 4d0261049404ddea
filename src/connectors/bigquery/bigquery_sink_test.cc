// Staging and committing when the service fails, over gRPC, against a service within the test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/strings.h"
#include "connectors/bigquery/append_stream.h"
#include "connectors/bigquery/bigquery_staging.h"
#include "connectors/bigquery/row_encoder.h"
#include "connectors/bigquery/testing/fake_storage.h"

namespace millrace::bigquery {
namespace {

namespace wire = google::cloud::bigquery::storage::v1;
using Fault = FakeStorage::Fault;
using Kind = CommitResult::Kind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr char kTable[] = "projects/p/datasets/d/tables/events";

class BigquerySinkTest : public testing::Test {
 protected:
  BigquerySinkTest() { storage_.AddTable(kTable); }

  void Open(Forgotten forgotten = Forgotten::kStop, size_t max_request_bytes = kMaxRequestBytes) {
    staging_ = NewBigqueryStaging({.form = form_,
                                   .connection = connection_,
                                   .streams = streams_,
                                   .traffic = traffic_,
                                   .clock = Clock::Real(),
                                   .prepare = [this](std::stop_token) { return prepared_; },
                                   .forgotten = forgotten,
                                   .table_time = table_time_,
                                   .max_request_bytes = max_request_bytes});
    sink_ = staging_->NewSink();
    committer_ = staging_->NewCommitter();
  }

  static Batch Events(const std::vector<std::string>& names) {
    Batch batch;
    for (const std::string& name : names) {
      batch.bytes.Append(StrCat("{\"event\":\"", name, "\",\"properties\":{}}"));
      batch.EndRow(batch.rows());
    }
    return batch;
  }
  WriteResult Stage(const std::vector<std::string>& names, std::stop_token stop = {}) {
    return sink_->Stage(Events(names), {}, std::move(stop));
  }
  Intent Seal() {
    Intent intent{.id = StrCat("commit ", ++commits_)};
    const auto parts = sink_->Seal(intent.id, {});
    EXPECT_TRUE(parts.ok()) << parts.status();
    if (parts.ok()) intent.parts = *parts;
    return intent;
  }
  CommitResult Commit(const Intent& intent) { return committer_->Commit(intent, {}); }
  std::vector<std::string> Visible() const {
    std::vector<std::string> names;
    for (const auto& row : storage_.rows(kTable)) names.push_back(row.at("event"));
    return names;
  }
  // Answers the n-th append with an error.
  void AnswerAppend(int n, int code, wire::StorageError::StorageErrorCode storage_code) {
    storage_.append_answer = [=](int call) -> std::optional<wire::AppendRowsResponse> {
      if (call != n) return std::nullopt;
      wire::AppendRowsResponse response;
      response.mutable_error()->set_code(code);
      response.mutable_error()->set_message("as the test wants");
      wire::StorageError error;
      error.set_code(storage_code);
      response.mutable_error()->add_details()->PackFrom(error);
      return response;
    };
  }

  FakeStorage storage_;
  const TableForm form_ = *TableForm::Make(RecordType::kEvent, {});
  Connection connection_{storage_.options()};
  Traffic traffic_;
  CallPace creations_{kStreamQuota, Clock::Real()};
  const WriteStreams streams_{connection_, traffic_, creations_, kTable};
  bool prepared_ = false;  // whether the table was changed
  TableTime table_time_;
  std::unique_ptr<Staging> staging_;
  std::unique_ptr<StagedSink> sink_;
  std::unique_ptr<Committer> committer_;
  int commits_ = 0;
};

TEST_F(BigquerySinkTest, ALostAnswerStoresNoRowTwice) {
  Open();
  ASSERT_TRUE(Stage({"a"}).durable());
  storage_.on_append = [](int call) { return call == 2 ? Fault::kReplyLost : Fault::kNone; };
  const WriteResult lost = Stage({"b", "c"});
  EXPECT_FALSE(lost.durable());
  EXPECT_TRUE(lost.retryable());
  ASSERT_TRUE(Stage({"b", "c"}).durable());
  ASSERT_TRUE(Stage({"d"}).durable());
  EXPECT_EQ(Commit(Seal()).kind, Kind::kCommitted);
  EXPECT_THAT(Visible(), ElementsAre("a", "b", "c", "d"));
  EXPECT_GT(traffic_.bytes_sent.load(), 0u);
}

TEST_F(BigquerySinkTest, ABatchOfSeveralRequestsGoesOnWhereItFailed) {
  Open(Forgotten::kStop, /*max_request_bytes=*/64);
  storage_.on_append = [](int call) {
    return call == 2 ? Fault::kReplyLost : call == 4 ? Fault::kNotDone : Fault::kNone;
  };
  std::vector<std::string> names;
  for (int i = 0; i < 20; ++i) names.push_back(StrCat("event number ", 100 + i));
  int failures = 0;
  for (WriteResult result = Stage(names); !result.durable(); result = Stage(names)) {
    ASSERT_TRUE(result.retryable()) << result.status();
    ASSERT_LT(++failures, 10);
  }
  EXPECT_EQ(failures, 2);
  EXPECT_EQ(Commit(Seal()).kind, Kind::kCommitted);
  EXPECT_EQ(Visible(), names);
}

TEST_F(BigquerySinkTest, RowsThatTheServiceRefusesAreListedAndTheRestIsStaged) {
  Open();
  storage_.refuse = [](const FakeStorage::Row& row) {
    return row.at("event").starts_with("bad") ? "no such event" : "";
  };
  const WriteResult result = Stage({"bad1", "a", "bad2", "b"});
  ASSERT_TRUE(result.durable()) << result.status();
  ASSERT_EQ(result.refused().size(), 2u);
  EXPECT_EQ(result.refused()[0].row, 0u);
  EXPECT_EQ(result.refused()[1].row, 2u);
  EXPECT_EQ(result.refused()[1].message, "no such event");
  const WriteResult all = Stage({"bad3"});
  ASSERT_TRUE(all.durable());
  EXPECT_EQ(all.refused().size(), 1u);
  EXPECT_EQ(Commit(Seal()).kind, Kind::kCommitted);
  EXPECT_THAT(Visible(), ElementsAre("a", "b"));
}

TEST_F(BigquerySinkTest, ABatchThatDoesNotComeAgainMakesTheCommitFail) {
  Open();
  ASSERT_TRUE(Stage({"a"}).durable());
  storage_.on_append = [](int call) { return call == 2 ? Fault::kReplyLost : Fault::kNone; };
  EXPECT_FALSE(Stage({"b"}).durable());
  ASSERT_TRUE(Stage({"c"}).durable());
  const Intent intent = Seal();
  EXPECT_THAT(intent.parts, ElementsAre(StartsWith("broken:"), StartsWith("fence:")));
  EXPECT_EQ(Commit(intent).kind, Kind::kGone);
  EXPECT_TRUE(committer_->Abandon(intent, {}).ok());
  EXPECT_THAT(Visible(), ElementsAre());
  // The same after a commit that comes before the batch does.
  EXPECT_TRUE(Stage({"a"}).durable());
  storage_.on_append = [](int) { return Fault::kNotDone; };
  EXPECT_FALSE(Stage({"b"}).durable());
  EXPECT_THAT(Seal().parts, ElementsAre(StartsWith("broken:"), StartsWith("fence:")));
}

TEST_F(BigquerySinkTest, AStreamThatIsLostIsReplacedAndTheCommitIsGone) {
  Open();
  ASSERT_TRUE(Stage({"a"}).durable());
  AnswerAppend(2, 5, wire::StorageError::STREAM_NOT_FOUND);
  EXPECT_TRUE(Stage({"b"}).retryable());
  ASSERT_TRUE(Stage({"b"}).durable());
  EXPECT_EQ(Commit(Seal()).kind, Kind::kGone);
  ASSERT_TRUE(Stage({"a"}).durable());
  EXPECT_EQ(Commit(Seal()).kind, Kind::kCommitted);
  EXPECT_THAT(Visible(), ElementsAre("a"));
}

TEST_F(BigquerySinkTest, AStreamThatIsLostBeforeItHasRowsIsNoLoss) {
  Open();
  AnswerAppend(1, 5, wire::StorageError::STREAM_NOT_FOUND);
  EXPECT_TRUE(Stage({"a"}).retryable());
  ASSERT_TRUE(Stage({"a"}).durable());
  EXPECT_EQ(Commit(Seal()).kind, Kind::kCommitted);
  EXPECT_THAT(Visible(), ElementsAre("a"));
}

TEST_F(BigquerySinkTest, AColumnThatIsMissingStopsUnlessItWasJustAdded) {
  Open();
  AnswerAppend(1, 3, wire::StorageError::SCHEMA_MISMATCH_EXTRA_FIELDS);
  const WriteResult stopped = Stage({"a"});
  EXPECT_FALSE(stopped.durable());
  EXPECT_FALSE(stopped.retryable());
  EXPECT_THAT(std::string(stopped.status().message()), HasSubstr("was a column dropped"));
  prepared_ = true;
  Open();
  AnswerAppend(2, 3, wire::StorageError::SCHEMA_MISMATCH_EXTRA_FIELDS);
  EXPECT_TRUE(Stage({"a"}).retryable());
  EXPECT_TRUE(Stage({"a"}).durable());
}

TEST_F(BigquerySinkTest, ErrorsAreRetriedThrottledOrStop) {
  Open();
  storage_.failure = {grpc::StatusCode::RESOURCE_EXHAUSTED, "quota"};
  storage_.on_append = [](int call) { return call == 1 ? Fault::kNotDone : Fault::kNone; };
  const WriteResult throttled = Stage({"a"});
  EXPECT_TRUE(throttled.retryable());
  EXPECT_TRUE(throttled.throttled());
  storage_.failure = {grpc::StatusCode::PERMISSION_DENIED, "no"};
  storage_.on_append = [](int) { return Fault::kNotDone; };
  const WriteResult denied = Stage({"a"});
  EXPECT_FALSE(denied.retryable());
  EXPECT_THAT(std::string(denied.status().message()), HasSubstr("roles/bigquery.dataEditor"));
}

TEST_F(BigquerySinkTest, AStopEndsAnAppendThatHangs) {
  Open();
  std::stop_source stop;
  std::atomic<bool> is_hanging = false;
  storage_.on_append = [&](int call) {
    is_hanging = call == 1;
    return call == 1 ? Fault::kHangs : Fault::kNone;
  };
  std::jthread stopper([&] {
    while (!is_hanging) std::this_thread::yield();
    stop.request_stop();
  });
  const WriteResult result = Stage({"a"}, stop.get_token());
  EXPECT_TRUE(absl::IsCancelled(result.status())) << result.status();
  EXPECT_TRUE(Stage({"a"}).durable());
  EXPECT_EQ(Commit(Seal()).kind, Kind::kCommitted);
  EXPECT_THAT(Visible(), ElementsAre("a"));
}

TEST_F(BigquerySinkTest, AnAnswerThatNeverComesEndsInTime) {
  AppendStream stream(connection_, traffic_, "projects/p/datasets/d/tables/events/streams/none",
                      RowDescriptor(form_), absl::Milliseconds(50));
  AppendBatch batch(form_);
  storage_.on_append = [](int) { return Fault::kHangs; };
  batch.Encode(Events({"a"}), {}, absl::UnixEpoch());
  const AppendOutcome outcome = stream.Append(batch, 0, {});
  EXPECT_TRUE(absl::IsDeadlineExceeded(outcome.error.status)) << outcome.error.status;
}

TEST_F(BigquerySinkTest, SealIsRepeatedUntilTheServiceAnswers) {
  Open();
  ASSERT_TRUE(Stage({"a"}).durable());
  storage_.on_finalize = [](int call) { return call <= 2 ? Fault::kReplyLost : Fault::kNone; };
  std::atomic<int> creates = 0;
  storage_.on_create = [&](int) { return ++creates == 1 ? Fault::kReplyLost : Fault::kNone; };
  for (int failures = 0; failures < 3; ++failures) {
    EXPECT_TRUE(absl::IsUnavailable(sink_->Seal("commit 1", {}).status())) << failures;
  }
  const Intent intent = Seal();
  EXPECT_THAT(intent.parts, ElementsAre(StartsWith("stream:"), StartsWith("fence:")));
  EXPECT_EQ(Commit(intent).kind, Kind::kCommitted);
  EXPECT_THAT(Visible(), ElementsAre("a"));
}

// Of the stream, and of its fence: the answer to an earlier call was lost, and the service does not
// take the second one for a repeat.
TEST_F(BigquerySinkTest, WhatIsFinalizedAlreadyIsSealed) {
  wire::StorageError finalized;
  finalized.set_code(wire::StorageError::STREAM_FINALIZED);
  wire::RpcStatus details;
  details.set_code(grpc::StatusCode::FAILED_PRECONDITION);
  details.add_details()->PackFrom(finalized);
  const grpc::Status again(grpc::StatusCode::FAILED_PRECONDITION, "is finalized",
                           details.SerializeAsString());
  const grpc::Status lost(grpc::StatusCode::UNAVAILABLE, "the answer is lost");
  for (const int first : {1, 2}) {  // the call of the stream, and that of the fence
    FakeStorage storage;
    storage.AddTable(kTable);
    Connection connection(storage.options());
    const WriteStreams streams(connection, traffic_, creations_, kTable);
    const auto staging = NewBigqueryStaging({.form = form_,
                                             .connection = connection,
                                             .streams = streams,
                                             .traffic = traffic_,
                                             .clock = Clock::Real(),
                                             .prepare = [](std::stop_token) { return false; }});
    const auto sink = staging->NewSink();
    ASSERT_TRUE(sink->Stage(Events({"a"}), {}, {}).durable());
    storage.on_finalize = [&storage, &lost, &again, first](int call) {
      if (call != first && call != first + 1) return Fault::kNone;
      storage.failure = call == first ? lost : again;
      return Fault::kReplyLost;
    };
    EXPECT_TRUE(absl::IsUnavailable(sink->Seal("commit 1", {}).status())) << first;
    const auto parts = sink->Seal("commit 1", {});
    ASSERT_TRUE(parts.ok()) << first << parts.status();
    EXPECT_THAT(*parts, ElementsAre(StartsWith("stream:"), StartsWith("fence:")));
    storage.on_finalize = nullptr;
    const Intent intent{.id = "commit 1", .parts = *parts};
    EXPECT_EQ(staging->NewCommitter()->Commit(intent, {}).kind, Kind::kCommitted) << first;
    EXPECT_EQ(storage.rows(kTable).size(), 1u);
    EXPECT_EQ(storage.streams(), 2u) << "the fence is the one that was finalized";
  }
}

TEST_F(BigquerySinkTest, SealIsRepeatedWhileTheTableIsNew) {
  for (const bool is_new : {true, false}) {
    prepared_ = is_new;
    Open();
    std::atomic<int> creates = 0;
    storage_.failure = {grpc::StatusCode::NOT_FOUND, "no such table"};
    storage_.on_create = [&](int) { return ++creates == 2 ? Fault::kNotDone : Fault::kNone; };
    ASSERT_TRUE(Stage({"a"}).durable());
    const absl::Status failed = sink_->Seal("commit 1", {}).status();  // it needs a fence
    EXPECT_EQ(failed.code(), is_new ? absl::StatusCode::kUnavailable : absl::StatusCode::kNotFound)
        << failed;
    EXPECT_EQ(Commit(Seal()).kind, Kind::kCommitted);
  }
  EXPECT_THAT(Visible(), ElementsAre("a", "a"));
}

// Cancelled by the service, not by a stop.
TEST_F(BigquerySinkTest, SealIsRepeatedIfTheServiceCancels) {
  Open();
  ASSERT_TRUE(Stage({"a"}).durable());
  storage_.failure = {grpc::StatusCode::CANCELLED, "the server cancelled"};
  storage_.on_finalize = [](int call) { return call == 1 ? Fault::kNotDone : Fault::kNone; };
  EXPECT_TRUE(absl::IsUnavailable(sink_->Seal("commit 1", {}).status()));
  EXPECT_EQ(Commit(Seal()).kind, Kind::kCommitted);
  EXPECT_THAT(Visible(), ElementsAre("a"));
}

TEST_F(BigquerySinkTest, ACommitThatNobodyRemembersIsDecidedByTheUser) {
  for (const auto& [forgotten, kind] :
       {std::pair{Forgotten::kStop, Kind::kStop}, std::pair{Forgotten::kResend, Kind::kGone},
        std::pair{Forgotten::kDone, Kind::kCommitted}}) {
    Open(forgotten);
    ASSERT_TRUE(Stage({"a"}).durable());
    const Intent intent = Seal();
    for (const std::string& part : intent.parts) {
      storage_.ForgetStream(streams_.NameOf(part.substr(part.find(':') + 1)));
    }
    const CommitResult result = Commit(intent);
    EXPECT_EQ(result.kind, kind) << result.status;
    if (kind == Kind::kStop) {
      EXPECT_THAT(std::string(result.status.message()), HasSubstr("forgotten=done"));
    }
    EXPECT_TRUE(committer_->Abandon(intent, {}).ok());
  }
}

TEST_F(BigquerySinkTest, ACommitIntoATableThatIsGoneIsGone) {
  Open();
  ASSERT_TRUE(Stage({"a"}).durable());
  const Intent intent = Seal();
  storage_.DropTable(kTable);
  EXPECT_EQ(Commit(intent).kind, Kind::kGone);
  EXPECT_TRUE(committer_->Abandon(intent, {}).ok());
}

TEST_F(BigquerySinkTest, ACommitIntoATableThatWasMadeAgainIsGone) {
  std::string created = "1796065222229";
  table_time_ = [&](std::stop_token) -> absl::StatusOr<std::string> { return created; };
  for (const auto& [now, kind] :
       {std::pair{"1796065222229", Kind::kStop}, std::pair{"1796065999999", Kind::kGone}}) {
    created = "1796065222229";
    Open();
    ASSERT_TRUE(staging_->RemoveOrphans({}, {}).ok());
    ASSERT_TRUE(Stage({"a"}).durable());
    const Intent intent = Seal();
    EXPECT_THAT(intent.parts.back(), testing::EndsWith("@1796065222229"));
    storage_.DropTable(kTable);
    storage_.AddTable(kTable);
    created = now;
    EXPECT_EQ(Commit(intent).kind, kind) << now;
    EXPECT_TRUE(committer_->Abandon(intent, {}).ok());
  }
}

TEST_F(BigquerySinkTest, ACommitThatIsForbiddenStops) {
  Open();
  ASSERT_TRUE(Stage({"a"}).durable());
  const Intent intent = Seal();
  storage_.failure = {grpc::StatusCode::PERMISSION_DENIED, "no"};
  storage_.on_commit = [](int call) { return call == 1 ? Fault::kNotDone : Fault::kNone; };
  EXPECT_EQ(Commit(intent).kind, Kind::kStop);
  EXPECT_EQ(Commit(intent).kind, Kind::kCommitted);
}

TEST_F(BigquerySinkTest, LookingUpStreamsMayFailAndIsRepeated) {
  Open();
  ASSERT_TRUE(Stage({"a"}).durable());
  const Intent intent = Seal();
  storage_.on_commit = [](int call) { return call == 1 ? Fault::kReplyLost : Fault::kNone; };
  storage_.on_look = [](int call) { return call == 1 ? Fault::kNotDone : Fault::kNone; };
  EXPECT_EQ(Commit(intent).kind, Kind::kRetry);
  EXPECT_EQ(Commit(intent).kind, Kind::kRetry);
  EXPECT_EQ(Commit(intent).kind, Kind::kCommitted);
  EXPECT_TRUE(absl::IsFailedPrecondition(committer_->Abandon(intent, {})));
  EXPECT_THAT(Visible(), ElementsAre("a"));
}

}  // namespace
}  // namespace millrace::bigquery
