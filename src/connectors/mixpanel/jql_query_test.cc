#include "connectors/mixpanel/jql_query.h"

#include <gmock/gmock.h>

#include "net/testing/fake_http_client.h"

namespace millrace::mixpanel {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class JqlQueryTest : public testing::Test {
 protected:
  absl::Status Run(HttpResponse answer) {
    rows_.clear();
    FakeHttpClient http([&](const HttpRequest& request) -> absl::StatusOr<HttpResponse> {
      url_ = request.url;
      form_ = request.body;
      return answer;
    });
    return RunJql(http, *Endpoints::ForUrl("https://query.example"), credentials_, "42",
                  {.script = "function main() { return 'é'; }", .params = R"({"from":1})"},
                  [this](std::string_view row) {
                    rows_.emplace_back(row);
                    return refuses_;
                  },
                  {});
  }

  const Credentials credentials_ = {.service_account_user = "u", .service_account_secret = "s"};
  std::string url_, form_;
  std::vector<std::string> rows_;
  absl::Status refuses_;
};

TEST_F(JqlQueryTest, GetsTheRows) {
  EXPECT_TRUE(Run({.status = 200, .body = "[{\"a\": 1},\n2]"}).ok());
  EXPECT_THAT(rows_, ElementsAre("{\"a\":1}", "2"));
  EXPECT_EQ(url_, "https://query.example/api/query/jql?project_id=42");
  EXPECT_EQ(form_,
            "script=function%20main%28%29%20%7B%20return%20%27%C3%A9%27%3B%20%7D"
            "&params=%7B%22from%22%3A1%7D");
}

TEST_F(JqlQueryTest, AResultThatIsCutIsNoResult) {
  EXPECT_TRUE(absl::IsUnavailable(Run({.status = 200, .body = "[{\"a\":1},"})));
  EXPECT_TRUE(absl::IsUnavailable(Run({.status = 200, .body = ""})));
  EXPECT_TRUE(absl::IsUnavailable(Run({.status = 429})));
}

TEST_F(JqlQueryTest, SaysWhatIsWrongWithTheScript) {
  const absl::Status status =
      Run({.status = 412,
           .body = R"({"error":"UserVisiblePreconditionFailedError: Uncaught exception x"})"});
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(status.ToString(), HasSubstr("Uncaught exception x"));
}

TEST_F(JqlQueryTest, WhatTakesTooLongMayBeMadeSmaller) {
  EXPECT_TRUE(absl::IsAborted(Run({.status = 504})));
  EXPECT_TRUE(absl::IsAborted(
      Run({.status = 412, .body = R"({"error":"Error: the query takes too much time"})"})));
}

TEST_F(JqlQueryTest, ARowThatIsRefusedEndsIt) {
  refuses_ = absl::OutOfRangeError("x");
  EXPECT_TRUE(absl::IsOutOfRange(Run({.status = 200, .body = "[1,2]"})));
  EXPECT_EQ(rows_.size(), 1);
}

}  // namespace
}  // namespace millrace::mixpanel
