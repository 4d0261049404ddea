#include "connectors/snowflake/sql_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "auth/token_source.h"
#include "base/strings.h"
#include "net/testing/fake_http_client.h"

namespace millrace::snowflake {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::json;

HttpResponse Answer(int status, const Json& body) {
  return {.status = status, .body = body.dump()};
}

Json Rows(const Json& data) {
  return {{"code", "090001"}, {"statementHandle", "h"}, {"data", data}};
}

// A source whose token changes when it is refused.
class CountedTokens final : public TokenSource {
 public:
  absl::StatusOr<AccessToken> Token(std::stop_token) override {
    return AccessToken{StrCat("secret", number_)};
  }
  void Forget(const AccessToken&) override { ++number_; }

 private:
  int number_ = 1;
};

class SqlClientTest : public testing::Test {
 protected:
  SqlClientTest() {
    spec_.database = "D";
    spec_.schema = "S";
    spec_.role = "R";
    spec_.warehouse = "W";
  }
  // The sent requests, with the body's text.
  struct Sent {
    std::string method, url, body;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string header(std::string_view name) const {
      for (const auto& [key, value] : headers) {
        if (key == name) return value;
      }
      return "";
    }
  };
  absl::StatusOr<HttpResponse> Handle(const HttpRequest& request) {
    sent_.push_back({request.method, request.url, std::string(request.body), request.headers});
    if (answers_.empty()) return absl::UnavailableError("no answer is scripted");
    auto answer = std::move(answers_.front());
    answers_.pop_front();
    return answer;
  }

  FakeClock clock_;
  SnowflakeSpec spec_;
  SignIn sign_in_{.type = TokenType::kProgrammaticAccess,
                  .tokens = std::make_unique<CountedTokens>(),
                  .origin = "SNOWFLAKE_TOKEN"};
  std::deque<absl::StatusOr<HttpResponse>> answers_;
  std::vector<Sent> sent_;
  AccountClient account_{"https://h", sign_in_,
                         std::make_unique<FakeHttpClient>(
                             [this](const HttpRequest& request) { return Handle(request); }),
                         clock_};
  SqlClient client_{spec_, account_};
};

TEST_F(SqlClientTest, SendsTheStatementWithItsContext) {
  answers_.push_back(
      Answer(200, Rows(Json::array({Json::array({"1", nullptr}), Json::array({"2", "x"})}))));
  const auto result = client_.Execute(
      {.text = "select ?", .bindings = {{"TEXT", "it's"}}, .timeout = absl::Seconds(30)}, {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->rows, ElementsAre(ElementsAre("1", std::nullopt), ElementsAre("2", "x")));
  ASSERT_EQ(sent_.size(), 1u);
  const Json body = Json::parse(sent_[0].body);
  EXPECT_EQ(body["statement"], "select ?");
  EXPECT_EQ(body["timeout"], 30);
  EXPECT_EQ(body["database"], "D");
  EXPECT_EQ(body["schema"], "S");
  EXPECT_EQ(body["role"], "R");
  EXPECT_EQ(body["warehouse"], "W");
  EXPECT_EQ(body["bindings"]["1"], Json({{"type", "TEXT"}, {"value", "it's"}}));
  EXPECT_EQ(body["parameters"]["MULTI_STATEMENT_COUNT"], "1");
  EXPECT_THAT(sent_[0].url, HasSubstr("https://h/api/v2/statements?requestId="));
  EXPECT_EQ(sent_[0].header("Authorization"), "Bearer secret1");
  EXPECT_EQ(sent_[0].header("X-Snowflake-Authorization-Token-Type"), "PROGRAMMATIC_ACCESS_TOKEN");
  EXPECT_THAT(sent_[0].header("User-Agent"), HasSubstr("millrace/"));
}

TEST_F(SqlClientTest, ALostResponseIsAskedForWithTheSameId) {
  answers_.push_back(absl::UnavailableError("reset"));
  answers_.push_back(Answer(503, Json::object()));
  answers_.push_back(Answer(429, Json::object()));
  answers_.push_back(Answer(200, Rows(Json::array())));
  ASSERT_TRUE(client_.Execute({.text = "x"}, {}).ok());
  ASSERT_EQ(sent_.size(), 4u);
  EXPECT_THAT(sent_[0].url, EndsWith("&retry=true"));
  for (int i = 1; i < 4; ++i) EXPECT_EQ(sent_[i].url, sent_[0].url);
  EXPECT_EQ(sent_[1].body, sent_[0].body);
  answers_.push_back(Answer(200, Rows(Json::array())));
  ASSERT_TRUE(client_.Execute({.text = "x"}, {}).ok());
  EXPECT_NE(sent_[4].url, sent_[0].url);
}

TEST_F(SqlClientTest, GivesUpOnAServerThatStaysSilent) {
  const auto result = client_.Execute({.text = "x"}, {});
  EXPECT_TRUE(absl::IsUnavailable(result.status()));
  EXPECT_EQ(sent_.size(), 6u);
}

TEST_F(SqlClientTest, WaitsForAStatementThatRuns) {
  answers_.push_back(Answer(202, {{"code", "333334"}, {"statementHandle", "a b"}}));
  answers_.push_back(Answer(202, {{"code", "333334"}, {"statementHandle", "a b"}}));
  answers_.push_back(Answer(200, Rows({{"done"}})));
  const auto result = client_.Execute({.text = "x"}, {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->rows, ElementsAre(ElementsAre("done")));
  EXPECT_EQ(sent_[1].method, "GET");
  EXPECT_EQ(sent_[1].url, "https://h/api/v2/statements/a%20b");
}

TEST_F(SqlClientTest, ReadsAllPartitions) {
  Json first = Rows({{"1"}});
  first["resultSetMetaData"]["partitionInfo"] = Json::array({Json::object(), Json::object()});
  answers_.push_back(Answer(200, first));
  answers_.push_back(Answer(200, {{"data", {{"2"}}}}));
  const auto result = client_.Execute({.text = "x"}, {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->rows, ElementsAre(ElementsAre("1"), ElementsAre("2")));
  EXPECT_THAT(sent_[1].url, EndsWith("/h?partition=1"));
}

TEST_F(SqlClientTest, TextOfTheServerIsPrintable) {
  answers_.push_back(Answer(
      422, {{"code", "00\x1b[2J"}, {"sqlState", "42\r"}, {"message", "a\x1b[31m\nforged line"}}));
  const std::string text{ToStd(client_.Execute({.text = "x"}, {}).status().message())};
  EXPECT_THAT(text, HasSubstr("a?[31m?forged line (code 00?[2J, SQLSTATE 42?)"));
}

TEST_F(SqlClientTest, ThePartitionsOfAResultAreBoundedTogether) {
  const std::string large(12 << 20, 'x');
  Json first = Rows(Json::array({Json::array({large})}));
  first["resultSetMetaData"]["partitionInfo"] = Json::array();
  for (int i = 0; i < 6; ++i) {
    first["resultSetMetaData"]["partitionInfo"].push_back(Json::object());
  }
  answers_.push_back(Answer(200, first));
  for (int i = 0; i < 5; ++i) answers_.push_back(Answer(200, {{"data", {{large}}}}));
  const auto result = client_.Execute({.text = "x"}, {});
  EXPECT_THAT(ToStd(result.status().message()), HasSubstr("more than 64 MiB"));
}

TEST_F(SqlClientTest, SeveralStatementsHaveHandles) {
  answers_.push_back(Answer(200, {{"statementHandles", {"a", "b"}}, {"data", Json::array()}}));
  answers_.push_back(Answer(200, Rows({{"2"}})));
  const auto result = client_.Execute({.text = "x;y", .count = 2}, {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->handles, ElementsAre("a", "b"));
  EXPECT_THAT(*client_.Fetch("b", {}), ElementsAre(ElementsAre("2")));
}

TEST_F(SqlClientTest, ErrorsOfStatementsAreNotRepeated) {
  answers_.push_back(Answer(
      422, {{"code", "002003"}, {"sqlState", "42S02"}, {"message", "Object 'T' does not exist"}}));
  const auto result = client_.Execute({.text = "x"}, {});
  EXPECT_TRUE(absl::IsNotFound(result.status())) << result.status();
  EXPECT_THAT(ToStd(result.status().message()),
              AllOf(HasSubstr("Object 'T' does not exist (code 002003, SQLSTATE 42S02)"),
                    HasSubstr("destinations create")));
  EXPECT_EQ(client_.error().code, "002003");
  EXPECT_EQ(sent_.size(), 1u);
}

TEST_F(SqlClientTest, AnExpiredTokenIsReplacedOnce) {
  answers_.push_back(Answer(401, {{"code", "390318"}, {"message", "expired"}}));
  answers_.push_back(Answer(200, Rows(Json::array())));
  ASSERT_TRUE(client_.Execute({.text = "x"}, {}).ok());
  EXPECT_EQ(sent_[1].header("Authorization"), "Bearer secret2");
  answers_.push_back(Answer(401, {{"code", "390318"}, {"message", "expired"}}));
  answers_.push_back(Answer(401, {{"code", "390318"}, {"message", "expired"}}));
  const auto refused = client_.Execute({.text = "x"}, {});
  EXPECT_TRUE(absl::IsUnauthenticated(refused.status())) << refused.status();
  EXPECT_THAT(ToStd(refused.status().message()),
              AllOf(HasSubstr("SNOWFLAKE_TOKEN"), Not(HasSubstr("secret"))));
}

TEST_F(SqlClientTest, ResponsesThatAreNoneOfTheApi) {
  for (const char* body :
       {"", "[]", "{}", R"({"data":[1]})", R"({"data":[[1]]})", R"({"data":{}})"}) {
    answers_ = {HttpResponse{.status = 200, .body = body}};
    EXPECT_TRUE(absl::IsUnavailable(client_.Execute({.text = "x"}, {}).status())) << body;
  }
  answers_ = {Answer(202, Json::object())};
  EXPECT_TRUE(absl::IsUnavailable(client_.Execute({.text = "x"}, {}).status()));
  answers_ = {Answer(200, {{"statementHandles", {"a"}}})};
  EXPECT_TRUE(absl::IsUnavailable(client_.Execute({.text = "x;y", .count = 2}, {}).status()));
}

struct RuleCase {
  int http_status;
  const char* code;
  const char* state;
  ErrorKind kind;
};

TEST(ServerErrorTest, KindsOfErrors) {
  const std::vector<RuleCase> cases = {
      {422, "000625", "57014", ErrorKind::kThrottled},
      {422, "000630", "57014", ErrorKind::kRetry},
      {422, "100038", "22018", ErrorKind::kRefuseRow},
      {422, "100078", "22000", ErrorKind::kRefuseRow},
      {422, "000904", "42000", ErrorKind::kStop},
      {422, "003001", "42501", ErrorKind::kStop},
      {422, "090073", "22000", ErrorKind::kThrottled},
      {422, "000606", "57P03", ErrorKind::kStop},
      {401, "390144", "", ErrorKind::kSignIn},
      {403, "390422", "", ErrorKind::kStop},
      {429, "", "", ErrorKind::kThrottled},
      {500, "", "", ErrorKind::kRetry},
      {504, "", "", ErrorKind::kRetry},
      {400, "391902", "", ErrorKind::kStop},
      {408, "000630", "57014", ErrorKind::kRetry},
      {501, "", "", ErrorKind::kStop},
  };
  for (const RuleCase& one : cases) {
    const ServerError error{
        .http_status = one.http_status, .code = one.code, .state = one.state, .message = ""};
    EXPECT_EQ(RuleOf(error).kind, one.kind) << one.http_status << " " << one.code;
  }
}

TEST(ServerErrorTest, ReadsWhatIsNotTrusted) {
  const ServerError error = ParseServerError(
      {.status = 422, .body = StrCat(R"({"code":7,"message":")", std::string(5000, 'x'), "\"}")});
  EXPECT_EQ(error.code, "");
  EXPECT_LT(error.message.size(), 1100u);
  EXPECT_EQ(ParseServerError({.status = 502, .body = "<html>"}).message, "");
  EXPECT_THAT(ToStd(StatusOf({.http_status = 502}).message()), HasSubstr("HTTP 502"));
}

}  // namespace
}  // namespace millrace::snowflake
