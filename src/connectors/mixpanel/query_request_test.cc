#include "connectors/mixpanel/query_request.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <deque>
#include <fstream>

#include "base/strings.h"
#include "io/temp_folder.h"
#include "net/testing/fake_http_client.h"

namespace millrace::mixpanel {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class SendQueryTest : public testing::Test {
 protected:
  void WriteToken(const std::string& token) {
    std::ofstream(credentials_.oauth_token_file) << token << "\n";
    chmod(credentials_.oauth_token_file.c_str(), 0600);
  }

  absl::Status Send(const std::string& project_id = "7") {
    return SendQuery(http_, credentials_, project_id, {.url = "https://q.example/x"}, {}).status();
  }

  const std::unique_ptr<TempFolder> folder_ = *TempFolder::Make(testing::TempDir(), "query");
  Credentials credentials_;
  std::deque<int> answers_;  // 200 after these
  std::function<void()> on_answer_ = [] {};
  std::vector<std::string> asked_;  // Authorization headers
  std::string url_;
  FakeHttpClient http_{[this](const HttpRequest& request) -> absl::StatusOr<HttpResponse> {
    url_ = request.url;
    for (const auto& [name, value] : request.headers) {
      if (name == "Authorization") asked_.push_back(value);
    }
    HttpResponse response{.status = 200};
    if (!answers_.empty()) response.status = answers_.front(), answers_.pop_front();
    on_answer_();
    return response;
  }};
};

TEST_F(SendQueryTest, AServiceAccountOrAnOauthTokenNamesTheProject) {
  credentials_.api_secret = "old";
  EXPECT_TRUE(Send().ok());
  EXPECT_EQ(url_, "https://q.example/x");
  credentials_.oauth_token = "bearer";
  EXPECT_TRUE(Send().ok());
  EXPECT_EQ(url_, "https://q.example/x?project_id=7");
  EXPECT_TRUE(Send("").ok());
  EXPECT_EQ(url_, "https://q.example/x");
  credentials_.service_account_user = "u";
  EXPECT_TRUE(Send().ok());
  EXPECT_EQ(url_, "https://q.example/x?project_id=7");
  EXPECT_THAT(asked_, ElementsAre(BasicAuthorization("old", ""), "Bearer bearer", "Bearer bearer",
                                  BasicAuthorization("u", "")));
}

TEST_F(SendQueryTest, ATokenThatHasExpiredIsSaid) {
  credentials_.oauth_token = "hush";
  answers_ = {401};
  const absl::Status status = Send();
  EXPECT_TRUE(absl::IsUnauthenticated(status));
  EXPECT_THAT(status.ToString(), HasSubstr("MIXPANEL_OAUTH_TOKEN"));
  EXPECT_THAT(status.ToString(), Not(HasSubstr("hush")));
  EXPECT_EQ(asked_.size(), 1);
}

TEST_F(SendQueryTest, ATokenFileIsReadForEachQuery) {
  credentials_.oauth_token_file = folder_->path() + "/token";
  WriteToken("one");
  EXPECT_TRUE(Send().ok());
  WriteToken("two");
  EXPECT_TRUE(Send().ok());
  EXPECT_THAT(asked_, ElementsAre("Bearer one", "Bearer two"));
}

TEST_F(SendQueryTest, AnotherTokenInTheFileIsTriedOnce) {
  credentials_.oauth_token_file = folder_->path() + "/token";
  WriteToken("one");
  answers_ = {401};
  on_answer_ = [this] { WriteToken("two"); };
  EXPECT_TRUE(Send().ok());
  EXPECT_THAT(asked_, ElementsAre("Bearer one", "Bearer two"));
  answers_ = {401, 401, 401};
  int number = 0;
  on_answer_ = [&] { WriteToken(StrCat("new-", ++number)); };
  const absl::Status status = Send();
  EXPECT_TRUE(absl::IsUnauthenticated(status));
  EXPECT_THAT(status.ToString(), HasSubstr(credentials_.oauth_token_file));
  EXPECT_EQ(asked_.size(), 4);
}

TEST_F(SendQueryTest, AFileThatIsGoneOrReadableByOthersIsAnError) {
  credentials_.oauth_token_file = folder_->path() + "/token";
  EXPECT_TRUE(absl::IsNotFound(Send()));
  WriteToken("hush");
  chmod(credentials_.oauth_token_file.c_str(), 0644);
  EXPECT_TRUE(absl::IsPermissionDenied(Send()));
  WriteToken("hush hush");
  const absl::Status status = Send();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(status.ToString(), Not(HasSubstr("hush")));
  EXPECT_EQ(asked_.size(), 0);
}

TEST_F(SendQueryTest, OtherErrorsAreMixpanels) {
  credentials_.oauth_token = "hush";
  answers_ = {503, 402};
  EXPECT_TRUE(absl::IsUnavailable(Send()));
  EXPECT_TRUE(absl::IsPermissionDenied(Send()));
}

}  // namespace
}  // namespace millrace::mixpanel
