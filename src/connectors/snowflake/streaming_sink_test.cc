// Named channels, against a service in this process: the contracts of sinks and cursors, and what
// is special to them.
#include "connectors/snowflake/streaming_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "auth/token_source.h"
#include "base/strings.h"
#include "connectors/snowflake/elastic_sink.h"
#include "connectors/snowflake/ingest_session.h"
#include "connectors/snowflake/sql_text.h"
#include "connectors/snowflake/streaming_channels.h"
#include "connectors/snowflake/testing/fake_streaming.h"
#include "pipeline/testing/cursor_contract.h"
#include "pipeline/testing/sink_contract.h"

namespace millrace::snowflake {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Kind = FakeStreaming::Request;

std::string Event(int n, std::string_view more = "") {
  return StrCat(
      R"({"event":"e","properties":{"time":1700000000,"distinct_id":"d","$insert_id":"id)", n, "\"",
      more, "}}");
}

// A process that writes to a pipe of the service.
class Process {
 public:
  explicit Process(FakeStreaming& service, ChannelsOptions options = {})
      : service_(service),
        form_(*TableForm::Make(RecordType::kEvent, {})),
        columns_(NamesOf(form_)),
        sign_in_{.type = TokenType::kProgrammaticAccess,
                 .tokens = NewFixedTokenSource("secret"),
                 .origin = "SNOWFLAKE_TOKEN"},
        new_http_([this] { return service_.NewClient(); }),
        session_(spec_, sign_in_, new_http_, clock_),
        channels_(
            ChecksHash(form_), [this] { return NewClient(); }, nullptr, clock_, options) {}

  std::unique_ptr<Sink> NewSink() {
    return NewStreamingSink(
        {.form = form_, .columns = columns_, .channels = channels_, .clock = clock_}, NewClient());
  }
  std::unique_ptr<Sink> NewElastic() {
    return NewElasticSink({.form = form_, .columns = columns_, .prepare = nullptr, .clock = clock_},
                          NewClient());
  }
  StreamingChannels& channels() { return channels_; }
  FakeClock& clock() { return clock_; }

 private:
  static std::vector<std::string> NamesOf(const TableForm& form) {
    std::vector<std::string> names;
    for (const Column& column : form.columns()) names.push_back(FoldName(column.name));
    return names;
  }
  static SnowflakeSpec MakeSpec() {
    SnowflakeSpec spec;
    spec.url = "https://acct.example.com";
    return spec;
  }
  std::unique_ptr<PipeClient> NewClient() {
    return std::make_unique<PipeClient>(pipe_, session_, service_.NewClient(), traffic_, clock_);
  }

  FakeStreaming& service_;
  FakeClock clock_;
  const SnowflakeSpec spec_ = MakeSpec();
  const PipeName pipe_{
      .database = "DB", .schema = "S", .pipe = "EVENTS-STREAMING", .table = "EVENTS"};
  const TableForm form_;
  const std::vector<std::string> columns_;
  SignIn sign_in_;
  const HttpClientFactory new_http_;
  IngestSession session_;
  Traffic traffic_;
  StreamingChannels channels_;
};

class Fixture : public SinkFixture {
 public:
  std::string GoodRow(int n) override { return Event(n); }
  std::string BadRow(int n) override { return Event(n, R"(,"x":"\u0000")"); }
  int Arrived(int n) override {
    // A status commits what was appended before.
    const auto rows = service_.Rows();
    const auto found = rows.find(StrCat("id", n));
    return found == rows.end() ? 0 : found->second;
  }
  bool FailNextWrite(bool with_effect) override {
    service_.set_script([with_effect, failed = false](Kind kind) mutable -> FakeStreaming::Fault {
      if (failed || (kind != Kind::kAppend && kind != Kind::kElastic)) return {};
      failed = true;
      return {.no_response = true, .has_effect = with_effect};
    });
    return true;
  }
  void RefuseAll(const std::string& reason) override {
    service_.set_script([reason](Kind kind) -> FakeStreaming::Fault {
      if (reason.empty() || (kind != Kind::kAppend && kind != Kind::kElastic)) return {};
      return {.status = 400, .body = StrCat(R"({"code":"X","message":")", reason, R"("})")};
    });
  }

 protected:
  FakeStreaming service_;
  Process process_{service_};
};

class StreamingFixture final : public Fixture {
 public:
  StreamingFixture() { service_.CommitAfter(2); }
  std::unique_ptr<Sink> NewSink() override { return process_.NewSink(); }
  DeliveryCursor* cursor() override { return &process_.channels(); }
};
class ElasticFixture final : public Fixture {
 public:
  std::unique_ptr<Sink> NewSink() override { return process_.NewElastic(); }
};

template <typename T>
std::unique_ptr<SinkFixture> Make() {
  return std::make_unique<T>();
}
INSTANTIATE_TEST_SUITE_P(SnowpipeStreaming, SinkContract,
                         testing::Values(Make<StreamingFixture>, Make<ElasticFixture>));
INSTANTIATE_TEST_SUITE_P(SnowpipeStreaming, CursorContract,
                         testing::Values(Make<StreamingFixture>));

class StreamingTest : public testing::Test {
 protected:
  // Rows of an object, and where they come from.
  struct Rows {
    LedgerKey object{.object = "o", .version = "1", .config = "c", .destination = "d"};
    std::string writer = "w/1";
    Batch batch;
    uint64_t begin = 0;
    uint64_t end = 0;
  };
  static Rows Make(int first, int end, std::string_view more = "") {
    Rows rows{.begin = static_cast<uint64_t>(first), .end = static_cast<uint64_t>(end)};
    for (int n = first; n < end; ++n) {
      rows.batch.bytes.Append(Event(n, more));
      rows.batch.EndRow(static_cast<uint64_t>(n));
    }
    return rows;
  }
  static WriteResult Write(Sink& sink, const Rows& rows) {
    const BatchSpan span{.object = &rows.object,
                         .writer = &rows.writer,
                         .rows = rows.batch.rows(),
                         .begin_row = rows.begin,
                         .end_row = rows.end};
    return sink.Write(rows.batch, {&span, 1}, {});
  }
  static std::vector<std::pair<uint64_t, uint64_t>> Claim(Process& process, const Rows& rows) {
    const auto claimed = process.channels().Claim(rows.object, rows.writer, {});
    EXPECT_TRUE(claimed.ok()) << claimed.status();
    if (!claimed.ok()) return {};
    return {claimed->begin(), claimed->end()};
  }
  void Fail(Kind at, FakeStreaming::Fault fault, int times = 1) {
    service_.set_script([=, left = times](Kind kind) mutable -> FakeStreaming::Fault {
      return kind == at && left-- > 0 ? fault : FakeStreaming::Fault{};
    });
  }
  static FakeStreaming::Fault Refusal(int status, std::string_view code) {
    return {.status = status, .body = StrCat(R"({"code":")", code, R"(","message":"m"})")};
  }
  void ExpectEachOnce(int end) {
    const auto rows = service_.Rows();
    EXPECT_EQ(rows.size(), static_cast<size_t>(end));
    for (const auto& [id, count] : rows) EXPECT_EQ(count, 1) << id;
    EXPECT_THAT(service_.problems(), testing::IsEmpty());
  }

  FakeStreaming service_;
  Process process_{service_};
};

TEST_F(StreamingTest, ATokenNamesTheRowsOfAllAppends) {
  const auto sink = process_.NewSink();
  Rows rows = Make(0, 4);
  Claim(process_, rows);
  ASSERT_TRUE(Write(*sink, rows).durable());
  ASSERT_TRUE(Write(*sink, Make(8, 10)).durable());
  const std::string config = ShortHash("c");
  EXPECT_EQ(service_.Tokens().begin()->second, StrCat("m1.", config, ".0-4,8-10"));
  ASSERT_TRUE(Write(*sink, Make(4, 8)).durable());
  EXPECT_EQ(service_.Tokens().begin()->second, StrCat("m1.", config, ".0-10"));
  ExpectEachOnce(10);
}

// What a killed process had appended is committed or discarded, and the next one knows which.
TEST_F(StreamingTest, AClaimWaitsForTheCommitOfWhatAnotherProcessAppended) {
  service_.CommitAfter(FakeStreaming::kNever);
  Rows rows = Make(0, 5);
  {
    ChannelsOptions options;
    options.commit_timeout = absl::Seconds(1);
    Process killed(service_, options);
    Claim(killed, rows);
    EXPECT_TRUE(Write(*killed.NewSink(), rows).retryable());
  }
  service_.CommitAfter(3);
  rows.writer = "w/2";
  EXPECT_THAT(Claim(process_, rows), ElementsAre(std::pair(0u, 5u)));
  ExpectEachOnce(5);
}

TEST_F(StreamingTest, AClaimDiscardsWhatIsNeverCommitted) {
  service_.CommitAfter(FakeStreaming::kNever);
  Rows rows = Make(0, 5);
  ChannelsOptions options;
  options.commit_timeout = absl::Seconds(1);
  Process frozen(service_, options);
  Claim(frozen, rows);
  const auto frozen_sink = frozen.NewSink();
  EXPECT_TRUE(Write(*frozen_sink, rows).retryable());
  rows.writer = "w/2";
  EXPECT_THAT(Claim(process_, rows), ElementsAre());
  service_.CommitAfter(1);
  EXPECT_TRUE(Write(*process_.NewSink(), rows).durable());
  ExpectEachOnce(5);
}

// Two processes of different configurations: the one whose channel was taken over stops, and does
// not discard what the other one knows.
TEST_F(StreamingTest, AChannelThatAnotherConfigHasTakenOverIsNotReset) {
  Process other(service_);
  Rows rows = Make(0, 2);
  Claim(process_, rows);
  const auto sink = process_.NewSink();
  ASSERT_TRUE(Write(*sink, rows).durable());
  Rows changed = Make(0, 3);
  changed.object.config = "changed";
  changed.writer = "other/1";
  Claim(other, changed);
  ASSERT_TRUE(Write(*other.NewSink(), changed).durable());
  const Rows more = Make(2, 4);
  WriteResult result = Write(*sink, more);
  if (result.retryable()) result = Write(*sink, more);
  EXPECT_FALSE(result.durable() || result.retryable());
  EXPECT_THAT(ToStd(result.status().message()), HasSubstr("another configuration"));
  EXPECT_EQ(service_.Tokens().begin()->second, StrCat("m1.", ShortHash("changed"), ".0-3"));
  EXPECT_THAT(Claim(other, changed), ElementsAre(std::pair(0u, 3u)));
}

// A batch of two objects: the first is stored before a retry, the second is refused after it.
TEST_F(StreamingTest, ABatchOfWhichAnEarlierTryHasStoredRowsIsNotRefused) {
  const Rows rows = Make(0, 4);
  LedgerKey second = rows.object;
  second.object = "second";
  Claim(process_, rows);
  ASSERT_TRUE(process_.channels().Claim(second, rows.writer, {}).ok());
  const std::vector<BatchSpan> spans = {
      {.object = &rows.object, .writer = &rows.writer, .rows = 2, .begin_row = 0, .end_row = 2},
      {.object = &second,
       .writer = &rows.writer,
       .first = 2,
       .rows = 2,
       .begin_row = 2,
       .end_row = 4}};
  service_.set_script([n = 0](Kind kind) mutable -> FakeStreaming::Fault {
    if (kind != Kind::kAppend) return {};
    ++n;
    if (n == 2) return Refusal(429, "390701");
    return n == 3 ? Refusal(400, "X") : FakeStreaming::Fault{};
  });
  const auto sink = process_.NewSink();
  EXPECT_TRUE(sink->Write(rows.batch, spans, {}).retryable());
  const WriteResult result = sink->Write(rows.batch, spans, {});
  EXPECT_FALSE(result.durable() || result.retryable());
  EXPECT_FALSE(result.refused_whole()) << result.status();
}

// Nor if another sink tries it again.
TEST_F(StreamingTest, RowsThatAnotherSinkHasStoredAreNotRefused) {
  const Rows rows = Make(0, 2);
  Claim(process_, rows);
  ASSERT_TRUE(Write(*process_.NewSink(), rows).durable());
  const Rows more = Make(0, 4);
  Fail(Kind::kAppend, Refusal(400, "X"));
  const WriteResult result = Write(*process_.NewSink(), more);
  EXPECT_FALSE(result.durable() || result.retryable());
  EXPECT_FALSE(result.refused_whole()) << result.status();
}

// A process that was frozen, and the one that has taken over its object.
TEST_F(StreamingTest, ProcessesThatAppendToOneChannelLearnWhatTheOtherHasAppended) {
  Process other(service_);
  Rows rows = Make(0, 2);
  Claim(process_, rows);
  const auto sink = process_.NewSink();
  ASSERT_TRUE(Write(*sink, rows).durable());
  Rows mine = Make(0, 2);
  mine.writer = "other/1";
  EXPECT_THAT(Claim(other, mine), ElementsAre(std::pair(0u, 2u)));
  const auto other_sink = other.NewSink();
  for (int n = 2; n < 40; n += 2) {
    for (Sink* writer : {sink.get(), other_sink.get(), sink.get()}) {
      Rows more = Make(n, n + 2);
      if (writer == other_sink.get()) more.writer = mine.writer;
      WriteResult result = Write(*writer, more);
      if (!result.durable()) {
        EXPECT_TRUE(result.retryable()) << result.status();
        result = Write(*writer, more);
      }
      EXPECT_TRUE(result.durable()) << result.status();
      EXPECT_THAT(result.fenced(), ElementsAre());
    }
  }
  ExpectEachOnce(40);
}

// As libcurl does if a connection that it has used before is closed without a response.
TEST_F(StreamingTest, AnAppendThatIsRepeatedBelowIsThereOnce) {
  Rows rows = Make(0, 3);
  Claim(process_, rows);
  const auto sink = process_.NewSink();
  Fail(Kind::kAppend, {.twice = true});
  EXPECT_TRUE(Write(*sink, rows).retryable());
  EXPECT_TRUE(Write(*sink, rows).durable());
  ExpectEachOnce(3);
}

TEST_F(StreamingTest, AChannelThatHasToBeReopenedIs) {
  for (const auto& [status, code] : std::vector<std::pair<int, std::string>>{
           {409, "ERR_CHANNEL_MUST_BE_REOPENED"},
           {404, "ERR_CHANNEL_DOES_NOT_EXIST_OR_NOT_AUTHORIZED"},
           {400, "ERR_CHANNEL_MUST_BE_REOPENED_DUE_TO_ROW_SEQ_GAP"},
           {409, "WHATEVER"},
           {500, "ERR_GENERAL_EXCEPTION_RETRY_REQUEST"},
           {503, ""}}) {
    FakeStreaming service;
    Process process(service);
    Rows rows = Make(0, 3);
    Claim(process, rows);
    const auto sink = process.NewSink();
    const FakeStreaming::Fault refusal = Refusal(status, code);
    service.set_script([refusal, left = 1](Kind kind) mutable {
      return kind == Kind::kAppend && left-- > 0 ? refusal : FakeStreaming::Fault{};
    });
    const WriteResult failed = Write(*sink, rows);
    EXPECT_TRUE(!failed.durable() && failed.retryable()) << code << failed.status();
    EXPECT_TRUE(Write(*sink, rows).durable()) << code;
    EXPECT_EQ(service.requests(Kind::kOpen), 2) << code;
    EXPECT_EQ(service.Rows().size(), 3u);
    for (const auto& [id, count] : service.Rows()) EXPECT_EQ(count, 1) << id;
  }
}

TEST_F(StreamingTest, AThrottledAppendIsRepeatedAsItIs) {
  Rows rows = Make(0, 3);
  Claim(process_, rows);
  const auto sink = process_.NewSink();
  Fail(Kind::kAppend, Refusal(429, "390701"));
  const WriteResult failed = Write(*sink, rows);
  EXPECT_TRUE(failed.retryable() && failed.throttled()) << failed.status();
  EXPECT_TRUE(Write(*sink, rows).durable());
  EXPECT_EQ(service_.requests(Kind::kOpen), 1);
  ExpectEachOnce(3);
}

TEST_F(StreamingTest, AnExpiredTokenIsRenewed) {
  Rows rows = Make(0, 3);
  Claim(process_, rows);
  Fail(Kind::kAppend, Refusal(401, "390303"));
  EXPECT_TRUE(Write(*process_.NewSink(), rows).durable());
  EXPECT_EQ(service_.requests(Kind::kToken), 2);
  ExpectEachOnce(3);
}

TEST_F(StreamingTest, CredentialsThatAreRefusedStopTheRun) {
  Rows rows = Make(0, 3);
  Claim(process_, rows);
  Fail(Kind::kAppend, Refusal(401, "390303"), 9);
  const WriteResult failed = Write(*process_.NewSink(), rows);
  EXPECT_FALSE(failed.durable() || failed.retryable());
  EXPECT_TRUE(absl::IsUnauthenticated(failed.status())) << failed.status();
}

TEST_F(StreamingTest, StatusesThatFailAreAskedAgain) {
  Rows rows = Make(0, 3);
  service_.CommitAfter(2);
  Claim(process_, rows);
  Fail(Kind::kStatus, {.status = 503, .body = R"("ERR_GENERAL_EXCEPTION_RETRY_REQUEST")"}, 3);
  EXPECT_TRUE(Write(*process_.NewSink(), rows).durable());
  EXPECT_EQ(service_.requests(Kind::kStatus), 5);
  ExpectEachOnce(3);
}

TEST_F(StreamingTest, RowsThatSnowflakeCountsAsErrorsStopTheRun) {
  service_.CommitAfter(1);
  service_.BreakRows("\"id1\"");
  Rows rows = Make(0, 3);
  Claim(process_, rows);
  const auto sink = process_.NewSink();
  const WriteResult failed = Write(*sink, rows);
  EXPECT_FALSE(failed.durable() || failed.retryable());
  EXPECT_THAT(ToStd(failed.status().message()),
              testing::AllOf(HasSubstr("has not stored 1 rows of o"), HasSubstr("broken row"),
                             HasSubstr("--force")));
  // Not only this run: the rows that it had sent count as delivered.
  rows.writer = "w/2";
  EXPECT_TRUE(
      absl::IsFailedPrecondition(process_.channels().Claim(rows.object, rows.writer, {}).status()));
  service_.BreakRows("");
  ASSERT_TRUE(process_.channels().Forget(rows.object, {}).ok());
  EXPECT_THAT(Claim(process_, rows), ElementsAre());
}

TEST_F(StreamingTest, AChannelWithAFatalStatusIsReopened) {
  Rows rows = Make(0, 3);
  Claim(process_, rows);
  service_.CommitAfter(FakeStreaming::kNever);
  const std::string name = ChannelName(rows.object);
  service_.SetStatusCode(name, "ERR_CHANNEL_MUST_BE_REOPENED");
  const auto sink = process_.NewSink();
  EXPECT_TRUE(Write(*sink, rows).retryable());
  service_.CommitAfter(1);
  EXPECT_TRUE(Write(*sink, rows).durable());
  ExpectEachOnce(3);
}

TEST_F(StreamingTest, ADroppedTableStopsTheRun) {
  Rows rows = Make(0, 3);
  Claim(process_, rows);
  service_.CommitAfter(FakeStreaming::kNever);
  service_.SetStatusCode(ChannelName(rows.object), "ERR_TABLE_DOES_NOT_EXIST_NOT_AUTHORIZED");
  const WriteResult failed = Write(*process_.NewSink(), rows);
  EXPECT_FALSE(failed.durable() || failed.retryable());
  EXPECT_TRUE(absl::IsNotFound(failed.status())) << failed.status();
}

TEST_F(StreamingTest, AChannelThatWasDroppedKeepsWhatIsKnown) {
  Rows rows = Make(0, 3);
  Claim(process_, rows);
  const auto sink = process_.NewSink();
  ASSERT_TRUE(Write(*sink, rows).durable());
  service_.DropChannels();
  const Rows more = Make(3, 5);
  EXPECT_TRUE(Write(*sink, more).retryable());
  ASSERT_TRUE(Write(*sink, more).durable());
  rows.writer = "w/2";
  EXPECT_THAT(Claim(process_, rows), ElementsAre(std::pair(0u, 5u)));
  ExpectEachOnce(5);
}

TEST_F(StreamingTest, RowsThatWereOnTheirWayWhenTheChannelWasDroppedAreInDoubt) {
  Rows rows = Make(0, 3);
  Claim(process_, rows);
  const auto sink = process_.NewSink();
  ASSERT_TRUE(Write(*sink, rows).durable());
  service_.CommitAfter(FakeStreaming::kNever);
  // The first request for a status comes after the channel was dropped.
  const Rows more = Make(3, 5);
  service_.set_script([dropped = false](Kind kind) mutable -> FakeStreaming::Fault {
    if (kind != Kind::kStatus || dropped) return {};
    dropped = true;
    return {.status = 200, .body = R"({"channel_statuses":{}})"};
  });
  EXPECT_TRUE(Write(*sink, more).retryable());
  service_.DropChannels();
  const WriteResult failed = Write(*sink, more);
  EXPECT_FALSE(failed.durable() || failed.retryable());
  EXPECT_THAT(ToStd(failed.status().message()), HasSubstr("rows 3 to 4"));
  rows.writer = "w/2";
  EXPECT_THAT(Claim(process_, rows), ElementsAre(std::pair(0u, 3u)));
}

TEST_F(StreamingTest, AnotherConfigHasRowsOfItsOwn) {
  Rows rows = Make(0, 3);
  Claim(process_, rows);
  ASSERT_TRUE(Write(*process_.NewSink(), rows).durable());
  Rows other = Make(0, 2);
  other.object.config = "other";
  EXPECT_THAT(Claim(process_, other), ElementsAre());
  ASSERT_TRUE(Write(*process_.NewSink(), other).durable());
  EXPECT_EQ(service_.Rows()["id0"], 2);
  EXPECT_THAT(Claim(process_, other), ElementsAre(std::pair(0u, 2u)));
}

TEST_F(StreamingTest, ATokenOfAnotherProgramStopsTheClaim) {
  Rows rows = Make(0, 1);
  Fail(Kind::kOpen, {.status = 200, .body = R"({"next_continuation_token":"1_0","channel_status":
    {"channel_status_code":"SUCCESS","last_committed_offset_token":"42"}})"});
  const auto claimed = process_.channels().Claim(rows.object, rows.writer, {});
  EXPECT_TRUE(absl::IsFailedPrecondition(claimed.status())) << claimed.status();
}

// More refused rows than a token has room for: the next process looks at all rows once more.
TEST_F(StreamingTest, ManyRefusedRowsAreRefusedAgain) {
  Rows rows;
  rows.end = 2000;
  for (int n = 0; n < 2000; ++n) {
    rows.batch.bytes.Append(Event(n, n % 2 == 0 ? R"(,"x":"\u0000")" : ""));
    rows.batch.EndRow(static_cast<uint64_t>(n));
  }
  Claim(process_, rows);
  WriteResult result = Write(*process_.NewSink(), rows);
  ASSERT_TRUE(result.durable()) << result.status();
  EXPECT_EQ(result.refused().size(), 1000u);
  rows.writer = "w/2";
  EXPECT_THAT(Claim(process_, rows), ElementsAre());
  result = Write(*process_.NewSink(), rows);
  ASSERT_TRUE(result.durable()) << result.status();
  EXPECT_EQ(result.refused().size(), 1000u);
  ExpectEachOnce(1000);
}

TEST_F(StreamingTest, RowsThatDoNotFitIntoARequestAreSplitOrRefused) {
  std::mt19937_64 random(1);
  const auto noise = [&](size_t bytes) {
    std::string text;
    while (text.size() < bytes) text += StrCat(random());
    return text;
  };
  Rows rows;
  rows.end = 6;
  for (int n = 0; n < 6; ++n) {
    // Digits compress to less than a half.
    const size_t bytes = n == 3 ? 12'000'000 : 1'500'000;
    rows.batch.bytes.Append(Event(n, StrCat(R"(,"x":")", noise(bytes), "\"")));
    rows.batch.EndRow(static_cast<uint64_t>(n));
  }
  Claim(process_, rows);
  const WriteResult result = Write(*process_.NewSink(), rows);
  ASSERT_TRUE(result.durable()) << result.status();
  ASSERT_EQ(result.refused().size(), 1u);
  EXPECT_EQ(result.refused()[0].row, 3u);
  EXPECT_EQ(result.refused()[0].code, "value_too_large");
  EXPECT_GT(service_.requests(Kind::kAppend), 1);
  ExpectEachOnce(5);
  rows.writer = "w/2";
  EXPECT_THAT(Claim(process_, rows), ElementsAre(std::pair(0u, 3u), std::pair(4u, 6u)));
}

TEST_F(StreamingTest, AChannelTakesTenRequestsASecond) {
  Rows rows = Make(0, 1);
  Claim(process_, rows);
  const auto sink = process_.NewSink();
  service_.CommitAfter(0);
  const absl::Duration begun = process_.clock().Elapsed();
  for (int n = 0; n < 30; ++n) ASSERT_TRUE(Write(*sink, Make(n, n + 1)).durable());
  EXPECT_GE(process_.clock().Elapsed() - begun, absl::Seconds(2.9));
}

TEST_F(StreamingTest, ChannelsOfDeliveredObjectsAreDropped) {
  for (int n = 0; n < 50; ++n) {
    ChannelsOptions options;
    options.max_open = 3;
    Process process(service_, options);
    for (int object = 0; object < 5; ++object) {
      Rows rows = Make(0, 1);
      rows.object.object = StrCat(n, "/", object);
      Claim(process, rows);
      ASSERT_TRUE(Write(*process.NewSink(), rows).durable());
      process.channels().Release(rows.object, rows.writer, /*delivered=*/true);
      EXPECT_LE(service_.Tokens().size(), 4u);
    }
  }
  EXPECT_THAT(service_.Tokens(), testing::IsEmpty());
  EXPECT_EQ(service_.Rows()["id0"], 250);
}

TEST_F(StreamingTest, ElasticPartsThatWereTakenAreNotSentAgain) {
  const auto sink = process_.NewElastic();
  std::mt19937_64 random(1);
  Rows rows;
  for (int n = 0; n < 8; ++n) {
    std::string noise;
    while (noise.size() < 2'000'000) noise += StrCat(random());
    rows.batch.bytes.Append(Event(n, StrCat(R"(,"x":")", noise, "\"")));
    rows.batch.EndRow(static_cast<uint64_t>(n));
  }
  service_.set_script([n = 0](Kind kind) mutable -> FakeStreaming::Fault {
    if (kind != Kind::kElastic || n++ != 1) return {};
    return {.status = 503, .body = "{}"};
  });
  EXPECT_TRUE(Write(*sink, rows).retryable());
  EXPECT_TRUE(Write(*sink, rows).durable());
  ExpectEachOnce(8);
}

}  // namespace
}  // namespace millrace::snowflake
