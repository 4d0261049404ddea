#include "connectors/mixpanel/mixpanel_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "connectors/mixpanel/testing/fake_mixpanel.h"

namespace millrace::mixpanel {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using Style = FakeMixpanel::Style;

std::string Good(int n, size_t size = 0) {
  return StrCat(R"({"$distinct_id":"u)", n, R"(","filler":")", std::string(size, 'x'), R"("})");
}
std::string Bad(int n) { return StrCat(R"({"$distinct_id":"u)", n, R"(","bad":1})"); }

Batch BatchOf(const std::vector<std::string>& rows) {
  Batch batch;
  for (const std::string& row : rows) {
    batch.bytes.Append(row);
    batch.EndRow(batch.rows());
  }
  return batch;
}

Batch GoodBatch(int rows, size_t size = 0) {
  std::vector<std::string> texts;
  for (int n = 0; n < rows; ++n) texts.push_back(Good(n, size));
  return BatchOf(texts);
}

std::vector<size_t> RefusedRows(const WriteResult& result) {
  std::vector<size_t> rows;
  for (const RefusedRow& row : result.refused()) rows.push_back(row.row);
  return rows;
}

class MixpanelSinkTest : public ::testing::Test {
 protected:
  MixpanelSinkTest() {
    target_.endpoints = *Endpoints::ForUrl("https://mixpanel.example");
    target_.credentials.token = "hush";
    target_.traffic = &traffic_;
  }

  Sink& sink() {
    if (sink_ == nullptr) sink_ = NewMixpanelSink(target_, mixpanel_.NewClient(), clock_);
    return *sink_;
  }
  WriteResult Write(const Batch& batch, std::stop_token stop = {}) {
    return sink().Write(batch, {}, stop);
  }
  std::vector<size_t> RequestSizes() const {
    std::vector<size_t> sizes;
    for (const auto& received : mixpanel_.received()) sizes.push_back(received.rows);
    return sizes;
  }

  FakeMixpanel mixpanel_;
  FakeClock clock_;
  Traffic traffic_;
  ImportTarget target_;
  std::unique_ptr<Sink> sink_;
};

// --- Requests.

TEST_F(MixpanelSinkTest, SendsEventsAsGzippedLines) {
  const WriteResult result = Write(GoodBatch(3));
  ASSERT_TRUE(result.durable()) << result.status();
  EXPECT_EQ(mixpanel_.stored(Good(1)), 1);
  ASSERT_THAT(mixpanel_.received(), SizeIs(1));
  const FakeMixpanel::Received received = mixpanel_.received()[0];
  EXPECT_EQ(received.method_and_target, "POST /import?strict=1&ip=0");
  EXPECT_EQ(received.authorization, "Basic aHVzaDo=");  // hush:
  EXPECT_EQ(received.content_type, "application/x-ndjson");
  EXPECT_EQ(received.content_encoding, "gzip");
  EXPECT_THAT(received.user_agent, ::testing::MatchesRegex("millrace/[0-9.]+"));
}

TEST_F(MixpanelSinkTest, NamesTheProjectOfAServiceAccount) {
  target_.credentials.service_account_user = "u";
  target_.credentials.service_account_secret = "s";
  target_.project_id = "4 2";
  ASSERT_TRUE(Write(GoodBatch(1)).durable());
  EXPECT_EQ(mixpanel_.received()[0].method_and_target,
            "POST /import?strict=1&ip=0&project_id=4%202");
  EXPECT_EQ(mixpanel_.received()[0].authorization, "Basic dTpz");
}

TEST_F(MixpanelSinkTest, SendsPlainLinesIfToldTo) {
  target_.gzip = std::nullopt;
  ASSERT_TRUE(Write(GoodBatch(2)).durable());
  EXPECT_EQ(mixpanel_.received()[0].content_encoding, "");
  EXPECT_EQ(mixpanel_.stored(), 2u);
}

TEST_F(MixpanelSinkTest, SendsProfilesAsAnArrayWithTheToken) {
  for (const auto& [kind, path] :
       {std::pair{RecordType::kUser, "engage"}, {RecordType::kGroup, "groups"}}) {
    ImportTarget target;
    target.traffic = &traffic_;
    target.endpoints = target_.endpoints;
    target.credentials = target_.credentials;
    target.type = kind;
    const auto sink = NewMixpanelSink(target, mixpanel_.NewClient(), clock_);
    ASSERT_TRUE(sink->Write(GoodBatch(2), {}, {}).durable());
    const FakeMixpanel::Received received = mixpanel_.received().back();
    EXPECT_EQ(received.method_and_target, StrCat("POST /", path, "?strict=1&ip=0&verbose=1"));
    EXPECT_EQ(received.content_type, "application/json");
    EXPECT_EQ(received.content_encoding, "");
    EXPECT_EQ(received.authorization, "");
  }
  EXPECT_EQ(mixpanel_.stored(Good(1)), 2);
}

TEST_F(MixpanelSinkTest, SendsNothingForAnEmptyBatch) {
  EXPECT_TRUE(Write(Batch()).durable());
  EXPECT_THAT(mixpanel_.received(), IsEmpty());
}

TEST_F(MixpanelSinkTest, CountsRequestsAndBytes) {
  const Batch batch = GoodBatch(100, 100);
  ASSERT_TRUE(Write(batch).durable());
  EXPECT_EQ(traffic_.requests, 1u);
  EXPECT_EQ(target_.bytes_plain, batch.bytes.size());
  EXPECT_GT(traffic_.bytes_sent, 0u);
  EXPECT_LT(traffic_.bytes_sent, batch.bytes.size());
}

TEST_F(MixpanelSinkTest, SplitsByCountAndBytesBeforeSending) {
  ASSERT_TRUE(Write(GoodBatch(4500)).durable());
  EXPECT_THAT(RequestSizes(), ElementsAre(2000, 2000, 500));
  target_.batch_bytes = 10'000;
  ASSERT_TRUE(Write(GoodBatch(30, 1000)).durable());
  for (const auto& received : mixpanel_.received()) EXPECT_LE(received.plain_bytes, 9'600'000u);
  EXPECT_THAT(RequestSizes(), ElementsAre(2000, 2000, 500, 9, 9, 9, 3));
}

TEST_F(MixpanelSinkTest, PacesByEventsAndPlainBytes) {
  RateLimiter rate_limiter(1000, 0, clock_);
  target_.rate_limiter = &rate_limiter;
  const absl::Time start = clock_.Now();
  ASSERT_TRUE(Write(GoodBatch(2000)).durable());
  ASSERT_TRUE(Write(GoodBatch(2000)).durable());
  EXPECT_NEAR(absl::ToDoubleSeconds(clock_.Now() - start), 1, 0.01);
}

// --- Refused rows.

TEST_F(MixpanelSinkTest, RefusesTheNamedRowsOfEveryRequest) {
  for (const Style style : {Style::kIndexed, Style::kDollarId}) {
    mixpanel_.set_style(style);
    target_.batch_events = 2;
    const WriteResult result = Write(BatchOf({Bad(0), Good(1), Good(2), Bad(3), Bad(4)}));
    ASSERT_TRUE(result.durable()) << result.status();
    EXPECT_THAT(RefusedRows(result), ElementsAre(0, 3, 4));
    EXPECT_EQ(result.refused()[0].code, "rejected_by_destination");
    EXPECT_EQ(result.refused()[0].field, "properties.bad");
    EXPECT_EQ(result.refused()[0].message, "it is bad");
  }
}

TEST_F(MixpanelSinkTest, FindsTheBadRowsThatAnAnswerDoesNotName) {
  mixpanel_.set_style(Style::kUnnamed);
  std::vector<std::string> rows;
  for (int n = 0; n < 1000; ++n) rows.push_back(n == 17 || n == 700 ? Bad(n) : Good(n));
  const WriteResult result = Write(BatchOf(rows));
  ASSERT_TRUE(result.durable()) << result.status();
  EXPECT_THAT(RefusedRows(result), ElementsAre(17, 700));
  EXPECT_EQ(result.refused()[0].message, "a record is not allowed here");
  EXPECT_EQ(mixpanel_.stored(), 998u);
  EXPECT_LE(mixpanel_.received().size(), 45u);
}

TEST_F(MixpanelSinkTest, GivesTheSearchUpWhenMuchIsRefused) {
  mixpanel_.set_style(Style::kUnnamed);
  std::vector<std::string> rows;
  for (int n = 0; n < 2000; ++n) rows.push_back(n % 10 == 0 ? Bad(n) : Good(n));
  const WriteResult result = Write(BatchOf(rows));
  ASSERT_TRUE(result.durable()) << result.status();
  EXPECT_GE(result.refused().size(), 200u);
  EXPECT_EQ(result.refused().size() + mixpanel_.stored(), 2000u);
  EXPECT_LE(mixpanel_.received().size(), 257u);
}

TEST_F(MixpanelSinkTest, SaysSoonThatAProjectRefusesEverything) {
  mixpanel_.RefuseAll("project is archived");
  const WriteResult result = Write(GoodBatch(2000));
  EXPECT_TRUE(result.refused_whole());
  EXPECT_THAT(std::string(result.status().message()),
              AllOf(HasSubstr("Mixpanel /import"), HasSubstr("project is archived")));
  EXPECT_LE(mixpanel_.received().size(), 31u);
}

TEST_F(MixpanelSinkTest, ASingleBadEventThatIsNamedIsRefusedAlone) {
  const WriteResult result = Write(BatchOf({Bad(0)}));
  ASSERT_TRUE(result.durable()) << result.status();
  EXPECT_THAT(RefusedRows(result), ElementsAre(0));
}

TEST_F(MixpanelSinkTest, ProfilesThatAreAllRefusedAreSaidToBe) {
  for (const RecordType type : {RecordType::kUser, RecordType::kGroup}) {
    target_.type = type;
    sink_ = nullptr;
    mixpanel_.RefuseAll("project is archived");
    EXPECT_TRUE(Write(GoodBatch(100)).refused_whole());
    mixpanel_.AnswerNext(Answer(400, R"({"error":"no such project","status":0})"));
    EXPECT_TRUE(Write(GoodBatch(1)).refused_whole());
  }
}

TEST_F(MixpanelSinkTest, FindsTheBadProfiles) {
  target_.type = RecordType::kUser;
  for (const Style style : {Style::kIndexed, Style::kUnnamed}) {
    mixpanel_.set_style(style);
    const WriteResult result = Write(BatchOf({Good(0), Bad(1), Good(2), Good(3), Bad(4)}));
    ASSERT_TRUE(result.durable()) << result.status();
    EXPECT_THAT(RefusedRows(result), ElementsAre(1, 4));
  }
  EXPECT_EQ(mixpanel_.stored(Good(2)), 2);
}

TEST_F(MixpanelSinkTest, RefusesProfilesOfOtherProjectsUnsent) {
  target_.type = RecordType::kUser;
  const std::string foreign = R"({"$token":"other","$distinct_id":"x"})";
  const WriteResult result = Write(BatchOf({foreign, Good(0), foreign, foreign, Good(1)}));
  ASSERT_TRUE(result.durable()) << result.status();
  EXPECT_THAT(RefusedRows(result), ElementsAre(0, 2, 3));
  EXPECT_THAT(result.refused()[0].message, HasSubstr("another project"));
  EXPECT_EQ(mixpanel_.stored(), 2u);
}

TEST_F(MixpanelSinkTest, SendsRecordsToTheProjectsOfTheirTokens) {
  target_.credentials = {};
  target_.tokens_of_records = true;
  const auto event = [](std::string_view token, int n) {
    return StrCat(R"({"event":"e","properties":{"token":")", token, R"(","n":)", n, "}}");
  };
  const WriteResult result = Write(BatchOf({event("a", 0), event("a", 1), event("b", 2),
                                            R"({"event":"e","properties":{}})", event("b", 4)}));
  ASSERT_TRUE(result.durable()) << result.status();
  EXPECT_THAT(RefusedRows(result), ElementsAre(3));
  EXPECT_THAT(result.refused()[0].message, HasSubstr("no project token"));
  ASSERT_THAT(RequestSizes(), ElementsAre(2, 1, 1));
  EXPECT_EQ(mixpanel_.received()[0].authorization, "Basic YTo=");  // a:
  EXPECT_EQ(mixpanel_.received()[1].authorization, "Basic Yjo=");
  EXPECT_EQ(mixpanel_.received()[2].authorization, "Basic Yjo=");
}

TEST_F(MixpanelSinkTest, SendsProfilesWithTheirOwnTokens) {
  target_.credentials = {};
  target_.tokens_of_records = true;
  target_.type = RecordType::kUser;
  const std::string update = R"({"$token":"a","$distinct_id":"u"})";
  const WriteResult result = Write(BatchOf({update, R"({"$distinct_id":"u"})"}));
  ASSERT_TRUE(result.durable()) << result.status();
  EXPECT_THAT(RefusedRows(result), ElementsAre(1));
  EXPECT_THAT(RequestSizes(), ElementsAre(1));
}

TEST_F(MixpanelSinkTest, ATokenThatIsRefusedHoldsUpNoOther) {
  target_.credentials = {};
  target_.tokens_of_records = true;
  const std::string bad = R"({"event":"e","properties":{"token":"bad"}})";
  const std::string good = R"({"event":"e","properties":{"token":"good"}})";
  for (const int status : {401, 403}) {
    mixpanel_.AnswerNext(Answer(status, R"({"code":401,"error":"no such token"})"));
    const WriteResult result = Write(BatchOf({bad, good}));
    ASSERT_TRUE(result.durable()) << result.status();
    EXPECT_THAT(RefusedRows(result), ElementsAre(0));
    EXPECT_THAT(result.refused()[0].message, HasSubstr("the token of the record"));
  }
  EXPECT_EQ(mixpanel_.stored(good), 2);
}

TEST_F(MixpanelSinkTest, DoesNotBelieveCountsThatContradict) {
  mixpanel_.AnswerNext(
      Answer(400, R"({"code":400,"failed_records":[{"index":0}],"num_records_imported":1})"), true);
  const WriteResult result = Write(GoodBatch(4));
  ASSERT_TRUE(result.durable()) << result.status();
  EXPECT_THAT(result.refused(), IsEmpty());
  EXPECT_THAT(RequestSizes(), ElementsAre(4, 2, 2));
}

TEST_F(MixpanelSinkTest, RetriesASingleRowWhoseAnswerContradictsItself) {
  mixpanel_.AnswerNext(Answer(400, R"({"error":"x","num_records_imported":1})"));
  const WriteResult result = Write(GoodBatch(1));
  EXPECT_FALSE(result.durable());
  EXPECT_TRUE(result.retryable());
}

// --- Too large.

TEST_F(MixpanelSinkTest, SplitsWhatIsTooLargeAndRemembersTheNamedLimit) {
  mixpanel_.set_max_bytes(100'000);
  const WriteResult result = Write(GoodBatch(300, 1000));
  ASSERT_TRUE(result.durable()) << result.status();
  EXPECT_THAT(result.refused(), IsEmpty());
  EXPECT_EQ(target_.bytes_limit, 100'000u);
  EXPECT_EQ(mixpanel_.received().size(), 5u);
  EXPECT_EQ(mixpanel_.stored(), 300u);

  const auto other = NewMixpanelSink(target_, mixpanel_.NewClient(), clock_);
  ASSERT_TRUE(other->Write(GoodBatch(90, 1000), {}, {}).durable());
  EXPECT_EQ(mixpanel_.received().size(), 6u);  // no further 413
}

TEST_F(MixpanelSinkTest, GoesToTwoMegabytesThenHalvesWithoutANamedLimit) {
  mixpanel_.set_max_bytes(2'000'000, /*named_in_answer=*/false);
  ASSERT_TRUE(Write(GoodBatch(1900, 4000)).durable());
  EXPECT_EQ(target_.bytes_limit, 2'000'000u);
  mixpanel_.set_max_bytes(900'000, /*named_in_answer=*/false);
  ASSERT_TRUE(Write(GoodBatch(1900, 4000)).durable());
  EXPECT_LE(target_.bytes_limit, 1'000'000u);
  EXPECT_GE(target_.bytes_limit, 450'000u);
  EXPECT_EQ(mixpanel_.stored(), 1900u);
}

TEST_F(MixpanelSinkTest, RefusesASingleRowThatIsTooLarge) {
  mixpanel_.set_max_bytes(1000);
  const WriteResult result = Write(BatchOf({Good(0), Good(1, 2000), Good(2)}));
  ASSERT_TRUE(result.durable()) << result.status();
  EXPECT_THAT(RefusedRows(result), ElementsAre(1));
  EXPECT_EQ(result.refused()[0].code, "event_too_large");
  EXPECT_THAT(result.refused()[0].message, HasSubstr("max limit of 1000 bytes"));
  EXPECT_EQ(mixpanel_.stored(), 2u);
  EXPECT_GE(target_.bytes_limit, 64u << 10);  // small requests are split by rows
}

// --- Nothing known.

TEST_F(MixpanelSinkTest, RetriesWhatMaySucceedLater) {
  for (const int status : {408, 500, 502, 503, 504}) {
    mixpanel_.AnswerNext(Answer(status, "busy", {{"retry-after", "7"}}));
    const WriteResult result = Write(GoodBatch(1));
    EXPECT_FALSE(result.durable());
    EXPECT_TRUE(result.retryable()) << status;
    EXPECT_FALSE(result.throttled());
    EXPECT_EQ(result.retry_after(), absl::Seconds(7));
  }
  mixpanel_.AnswerNext(absl::UnavailableError("no answer"));
  EXPECT_TRUE(Write(GoodBatch(1)).retryable());
  mixpanel_.AnswerNext(Answer(200, "1"));
  EXPECT_FALSE(Write(GoodBatch(1)).durable());
  EXPECT_TRUE(Write(GoodBatch(1)).durable());
}

TEST_F(MixpanelSinkTest, AsksForLessLoadWhenThrottled) {
  mixpanel_.AnswerNext(Answer(429, R"({"code":429,"error":"Project exceeded rate limits."})"));
  WriteResult result = Write(GoodBatch(1));
  EXPECT_TRUE(result.throttled());
  EXPECT_TRUE(result.retryable());
  EXPECT_EQ(result.retry_after(), absl::ZeroDuration());
  mixpanel_.AnswerNext(Answer(429, "", {{"retry-after", "Tue, 14 Nov 2023 22:13:50 GMT"}}));
  result = Write(GoodBatch(1));
  EXPECT_TRUE(result.throttled());
  EXPECT_EQ(result.retry_after(), absl::Seconds(30));  // the fake clock's now is 22:13:20
}

TEST_F(MixpanelSinkTest, SendsOnlyTheRestOfABatchAfterAFailure) {
  target_.batch_events = 2;
  const Batch batch = BatchOf({Bad(0), Good(1), Good(2), Good(3), Good(4)});
  mixpanel_.AnswerNext(Answer(503, ""), false);
  EXPECT_FALSE(Write(batch).durable());  // nothing done yet
  EXPECT_THAT(RequestSizes(), ElementsAre(2));

  FakeMixpanel& mixpanel = mixpanel_;
  const auto fail_third = [&] { mixpanel.AnswerNext(absl::UnavailableError("cut"), true); };
  // Two requests succeed, then the response to the third is lost.
  mixpanel_.AnswerNext(
      Answer(400, R"({"failed_records":[{"index":0,"message":"m"}],"num_records_imported":1})"),
      true);
  mixpanel_.AnswerNext(Answer(200, R"({"code":200,"num_records_imported":2})"), true);
  fail_third();
  EXPECT_FALSE(Write(batch).durable());
  const WriteResult result = Write(batch);
  ASSERT_TRUE(result.durable()) << result.status();
  EXPECT_THAT(RefusedRows(result), ElementsAre(0));
  EXPECT_THAT(RequestSizes(), ElementsAre(2, 2, 2, 1, 1));
  EXPECT_EQ(mixpanel_.stored(Good(4)), 2);  // sent again, as nothing was known
  EXPECT_EQ(mixpanel_.stored(Good(2)), 1);
}

TEST_F(MixpanelSinkTest, AStopEndsTheWaitForTheQuotaAtOnce) {
  std::stop_source stop;
  stop.request_stop();
  // What was begun is finished, request by request.
  EXPECT_TRUE(Write(GoodBatch(1), stop.get_token()).durable());
  RateLimiter rate_limiter(1, 0, clock_);
  ASSERT_TRUE(rate_limiter.Acquire(100, 0, {}));  // the quota is used up
  target_.rate_limiter = &rate_limiter;
  const WriteResult result = Write(GoodBatch(1), stop.get_token());
  EXPECT_EQ(result.status().code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(result.retryable());
  EXPECT_EQ(mixpanel_.stored(Good(0)), 1);
}

// Requests a stop as soon as something is sent, and takes `time` for each response.
class SlowAfterStop final : public HttpClient {
 public:
  SlowAfterStop(std::unique_ptr<HttpClient> client, FakeClock& clock, std::stop_source& stop,
                absl::Duration time)
      : client_(std::move(client)), clock_(clock), stop_(stop), time_(time) {}

  absl::StatusOr<HttpResponse> Send(const HttpRequest& request, std::stop_token) override {
    graces.push_back(request.stop_grace);
    stop_.request_stop();
    clock_.Advance(std::min(time_, request.stop_grace));
    if (time_ > request.stop_grace) return absl::CancelledError("stopped");
    return client_->Send(request, {});
  }

  std::vector<absl::Duration> graces;

 private:
  const std::unique_ptr<HttpClient> client_;
  FakeClock& clock_;
  std::stop_source& stop_;
  const absl::Duration time_;
};

TEST_F(MixpanelSinkTest, AfterAStopAllRequestsOfABatchShareOneGrace) {
  target_.batch_events = 1;
  target_.stop_grace = absl::Seconds(10);
  std::stop_source stop;
  auto http =
      std::make_unique<SlowAfterStop>(mixpanel_.NewClient(), clock_, stop, absl::Seconds(4));
  SlowAfterStop& client = *http;
  sink_ = NewMixpanelSink(target_, std::move(http), clock_);
  const WriteResult result = Write(GoodBatch(5), stop.get_token());
  EXPECT_EQ(result.status().code(), absl::StatusCode::kCancelled) << result.status();
  EXPECT_TRUE(result.retryable());
  EXPECT_THAT(client.graces, ElementsAre(absl::Seconds(10), absl::Seconds(6), absl::Seconds(2)));
  EXPECT_EQ(mixpanel_.stored(), 2u);
}

TEST_F(MixpanelSinkTest, ABatchThatIsThroughWithinTheGraceIsDurable) {
  target_.batch_events = 1;
  std::stop_source stop;
  sink_ = NewMixpanelSink(
      target_,
      std::make_unique<SlowAfterStop>(mixpanel_.NewClient(), clock_, stop, absl::Seconds(3)),
      clock_);
  EXPECT_TRUE(Write(GoodBatch(3), stop.get_token()).durable());
  EXPECT_EQ(mixpanel_.stored(), 3u);
}

TEST_F(MixpanelSinkTest, NothingIsSentWithoutAGrace) {
  target_.stop_grace = absl::ZeroDuration();
  std::stop_source stop;
  stop.request_stop();
  const WriteResult result = Write(GoodBatch(1), stop.get_token());
  EXPECT_EQ(result.status().code(), absl::StatusCode::kCancelled) << result.status();
  EXPECT_THAT(mixpanel_.received(), IsEmpty());
}

// --- Stop.

TEST_F(MixpanelSinkTest, StopsAtRefusedCredentialsAndSaysWhichOnes) {
  target_.credentials.service_account_user = "importer.1";
  target_.credentials.service_account_secret = "hush";
  target_.project_id = "42";
  for (const int status : {401, 403}) {
    mixpanel_.AnswerNext(Answer(status, R"({"code":401,"error":"Invalid credentials"})"));
    const WriteResult result = Write(GoodBatch(1));
    EXPECT_FALSE(result.durable());
    EXPECT_FALSE(result.retryable());
    const std::string message(result.status().message());
    EXPECT_THAT(message, AllOf(HasSubstr("Invalid credentials"),
                               HasSubstr("the service account importer.1 for project 42"),
                               HasSubstr("region"), Not(HasSubstr("hush"))));
  }
}

TEST_F(MixpanelSinkTest, StopsAtWhatSendingAgainDoesNotCure) {
  for (const int status : {302, 404, 405, 415}) {
    mixpanel_.AnswerNext(Answer(status, "no"));
    EXPECT_FALSE(Write(GoodBatch(1)).retryable()) << status;
  }
  mixpanel_.AnswerNext(absl::UnauthenticatedError("the server's certificate is not trusted"));
  EXPECT_FALSE(Write(GoodBatch(1)).retryable());
}

TEST_F(MixpanelSinkTest, StopsBeforeSendingWhatCannotSucceed) {
  target_.credentials.token = "";
  target_.type = RecordType::kUser;
  EXPECT_FALSE(Write(GoodBatch(1)).retryable());

  ImportTarget no_project;
  no_project.traffic = &traffic_;
  no_project.endpoints = target_.endpoints;
  no_project.credentials.service_account_user = "u";
  const auto sink = NewMixpanelSink(no_project, mixpanel_.NewClient(), clock_);
  const WriteResult result = sink->Write(GoodBatch(1), {}, {});
  EXPECT_FALSE(result.retryable());
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("--project-id"));
  EXPECT_THAT(mixpanel_.received(), IsEmpty());
}

TEST_F(MixpanelSinkTest, NeverShowsSecretsInMessages) {
  mixpanel_.AnswerNext(Answer(401, "no"));
  mixpanel_.AnswerNext(Answer(500, "no"));
  mixpanel_.AnswerNext(Answer(404, "no"));
  std::vector<std::string> messages;
  for (int i = 0; i < 3; ++i) messages.push_back(Write(GoodBatch(1)).status().ToString());
  EXPECT_THAT(messages, Each(Not(HasSubstr("hush"))));
}

}  // namespace
}  // namespace millrace::mixpanel
