#include "connectors/redshift/data_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "auth/token_source.h"
#include "base/strings.h"
#include "net/testing/fake_http_client.h"

namespace millrace::redshift {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Optional;
using Json = nlohmann::json;

// Session tokens, a new one after each that is forgotten.
class SessionKeys final : public TokenSource {
 public:
  absl::StatusOr<AccessToken> Token(std::stop_token) override {
    return AccessToken{JoinAwsKeys({.access_key_id = "AKID",
                                    .secret_access_key = "secret",
                                    .session_token = StrCat("session", number_)})};
  }
  void Forget(const AccessToken&) override { ++number_; }

 private:
  int number_ = 1;
};

class DataApiTest : public testing::Test {
 protected:
  struct Sent {
    std::string operation, token;
    Json body;
  };

  DataApiTest() {
    spec_.workgroup = "work";
    spec_.database = "dev";
    DataApiService service{
        .url = "https://h",
        .region = "eu-west-1",
        .keys = std::make_shared<AwsKeySource>(std::make_unique<SessionKeys>(), "test"),
        .pace = std::make_shared<DataApiPace>(clock_),
        .max_result_bytes = 64'000};
    auto http =
        std::make_unique<FakeHttpClient>([this](const HttpRequest& r) { return Handle(r); });
    session_ = NewDataApiSession(spec_, std::move(service), std::move(http), clock_);
  }
  absl::StatusOr<HttpResponse> Handle(const HttpRequest& request) {
    Sent sent{.body = Json::parse(request.body)};
    for (const auto& [name, value] : request.headers) {
      if (name == "X-Amz-Target") sent.operation = value.substr(value.find('.') + 1);
      if (name == "X-Amz-Security-Token") sent.token = value;
    }
    sent_.push_back(std::move(sent));
    if (answers_.empty()) return absl::UnavailableError("the connection was lost");
    auto answer = std::move(answers_.front());
    answers_.pop_front();
    return answer;
  }
  void Answer(int status, const Json& body) {
    answers_.push_back(HttpResponse{.status = status, .body = body.dump()});
  }
  void Refuse(int status, const std::string& type, const std::string& message = "why") {
    Answer(status, {{"__type", type}, {"message", message}});
  }
  std::vector<std::string> Operations() const {
    std::vector<std::string> operations;
    for (const Sent& sent : sent_) operations.push_back(sent.operation);
    return operations;
  }

  FakeClock clock_;
  RedshiftSpec spec_;
  std::deque<absl::StatusOr<HttpResponse>> answers_;
  std::vector<Sent> sent_;
  std::unique_ptr<SqlSession> session_;
};

TEST_F(DataApiTest, ABatchIsSentAwaitedAndRead) {
  Answer(200, {{"Id", "i"}});
  Answer(200, {{"Status", "STARTED"}});
  Answer(200, {{"Status", "FINISHED"}});
  Answer(200, {{"Records", {{{{"longValue", 7}}, {{"isNull", true}}}}}, {"NextToken", "n"}});
  Answer(200, {{"Records", {{{{"stringValue", "x"}}, {{"booleanValue", true}}}}}});
  const auto rows = session_->Execute({"LOCK", "SELECT '\\'"}, 1, {});
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_THAT((*rows)[0], ElementsAre(Optional(std::string("7")), std::nullopt));
  EXPECT_THAT((*rows)[1], ElementsAre(Optional(std::string("x")), Optional(std::string("true"))));
  EXPECT_THAT(Operations(),
              ElementsAre("BatchExecuteStatement", "DescribeStatement", "DescribeStatement",
                          "GetStatementResult", "GetStatementResult"));
  EXPECT_EQ(sent_[0].body["Sqls"], Json({"LOCK", "SELECT '\\'"}));
  EXPECT_EQ(sent_[0].body["WorkgroupName"], "work");
  EXPECT_EQ(sent_[0].body["Database"], "dev");
  EXPECT_EQ(sent_[3].body["Id"], "i:2");
  EXPECT_EQ(sent_[4].body["NextToken"], "n");
}

TEST_F(DataApiTest, ALostResponseIsAskedAgainWithTheSameToken) {
  answers_.push_back(absl::UnavailableError("reset"));
  Refuse(500, "InternalServerException");
  Answer(200, {{"Id", "i"}});
  Answer(200, {{"Status", "FINISHED"}});
  ASSERT_TRUE(session_->Execute({"A", "B"}, std::nullopt, {}).ok());
  ASSERT_EQ(sent_.size(), 4u);
  EXPECT_EQ(sent_[0].body, sent_[2].body);
  EXPECT_NE(sent_[0].body["ClientToken"], "");
  Answer(200, {{"Id", "i"}});
  Answer(200, {{"Status", "FINISHED"}});
  ASSERT_TRUE(session_->Execute({"A", "B"}, std::nullopt, {}).ok());
  EXPECT_NE(sent_[4].body["ClientToken"], sent_[0].body["ClientToken"]);
}

TEST_F(DataApiTest, AnExpiredSessionIsRenewedOnce) {
  Refuse(400, "com.amazon#ExpiredTokenException");
  Answer(200, {{"Id", "i"}});
  Answer(200, {{"Status", "FINISHED"}});
  ASSERT_TRUE(session_->Execute({"A"}, std::nullopt, {}).ok());
  EXPECT_EQ(sent_[0].token, "session1");
  EXPECT_EQ(sent_[1].token, "session2");
  EXPECT_EQ(sent_[0].operation, "ExecuteStatement");
  sent_.clear();
  Refuse(400, "ExpiredTokenException");
  Refuse(400, "ExpiredTokenException");
  EXPECT_TRUE(absl::IsUnauthenticated(session_->Execute({"A"}, std::nullopt, {}).status()));
  EXPECT_EQ(sent_.size(), 2u);
}

TEST_F(DataApiTest, ARefusalIsNotRepeated) {
  Refuse(400, "UnrecognizedClientException", "The security token is invalid");
  const absl::Status refused = session_->Execute({"A"}, std::nullopt, {}).status();
  EXPECT_TRUE(absl::IsUnauthenticated(refused)) << refused;
  EXPECT_THAT(ToStd(refused.message()), HasSubstr("The security token is invalid"));
  EXPECT_EQ(session_->error().kind, ServerError::Kind::kStop);
  EXPECT_EQ(sent_.size(), 1u);
}

TEST_F(DataApiTest, GivesUpInTheEnd) {
  const absl::Status lost = session_->Execute({"A"}, std::nullopt, {}).status();
  EXPECT_TRUE(absl::IsUnavailable(lost)) << lost;
  EXPECT_GT(sent_.size(), 3u);
  EXPECT_LT(sent_.size(), 20u);
}

TEST_F(DataApiTest, TheStatementThatFailedIsNamed) {
  Answer(200, {{"Id", "i"}});
  Answer(200, {{"Status", "FAILED"},
               {"Error", "Query #2 failed"},
               {"SubStatements",
                {{{"Status", "FINISHED"}},
                 {{"Status", "FAILED"}, {"Error", "ERROR: Divide by zero"}},
                 {{"Status", "ABORTED"}}}}});
  const absl::Status failed = session_->Execute({"A", "B", "C"}, 2, {}).status();
  EXPECT_THAT(ToStd(failed.message()), HasSubstr("Divide by zero"));
  EXPECT_EQ(session_->error().statement, 1);
  EXPECT_EQ(session_->error().kind, ServerError::Kind::kRefusesRow);
}

TEST_F(DataApiTest, OddResponsesAreErrors) {
  for (const char* body : {"[]", "{", "{\"Id\":7}", "{}"}) {
    answers_.clear();
    for (int i = 0; i < 20; ++i) answers_.push_back(HttpResponse{.status = 200, .body = body});
    EXPECT_TRUE(absl::IsUnavailable(session_->Execute({"A"}, 0, {}).status())) << body;
  }
  answers_.clear();
  Answer(200, {{"Id", "i"}});
  Answer(200, {{"Status", "DANCING"}});
  EXPECT_TRUE(absl::IsUnavailable(session_->Execute({"A"}, 0, {}).status()));
}

TEST_F(DataApiTest, EmptyPagesHaveAnEnd) {
  Answer(200, {{"Id", "i"}});
  Answer(200, {{"Status", "FINISHED"}});
  for (int i = 0; i < 10'010; ++i) {
    Answer(200, {{"Records", Json::array()}, {"NextToken", "n"}});
  }
  const absl::Status endless = session_->Execute({"A"}, 0, {}).status();
  EXPECT_THAT(ToStd(endless.message()), HasSubstr("more than 10,000 pages"));
  EXPECT_EQ(answers_.size(), 10u);
}

TEST_F(DataApiTest, AResultThatIsTooLargeIsAnError) {
  Answer(200, {{"Id", "i"}});
  Answer(200, {{"Status", "FINISHED"}});
  const Json cell = {{"stringValue", std::string(12'000, 'x')}};
  for (int i = 0; i < 7; ++i) {  // the sixth is too much
    Answer(200, {{"Records", Json::array({Json::array({cell})})}, {"NextToken", "n"}});
  }
  const absl::Status large = session_->Execute({"A"}, 0, {}).status();
  EXPECT_THAT(ToStd(large.message()), HasSubstr("more than 64000 bytes"));
  EXPECT_EQ(answers_.size(), 1u);
}

TEST_F(DataApiTest, AStopEndsTheWait) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(session_->Execute({"A"}, 0, stop.get_token()).status()));
  EXPECT_TRUE(sent_.empty());
}

TEST(DataApiUrlTest, RegionAndEndpoint) {
  const Environment none = [](std::string_view) { return std::nullopt; };
  EXPECT_EQ(DataApiUrl("eu-west-1", none), "https://redshift-data.eu-west-1.amazonaws.com");
  EXPECT_EQ(DataApiUrl("cn-north-1", none), "https://redshift-data.cn-north-1.amazonaws.com.cn");
  const Environment ours = [](std::string_view name) -> std::optional<std::string> {
    if (name != "AWS_ENDPOINT_URL_REDSHIFT_DATA") return std::nullopt;
    return "http://127.0.0.1:9/";
  };
  EXPECT_EQ(DataApiUrl("eu-west-1", ours), "http://127.0.0.1:9");
}

}  // namespace
}  // namespace millrace::redshift
