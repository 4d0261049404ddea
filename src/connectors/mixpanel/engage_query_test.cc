#include "connectors/mixpanel/engage_query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "net/testing/fake_http_client.h"

namespace millrace::mixpanel {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ProfileReaderTest : public ::testing::Test {
 protected:
  ProfileReaderTest() { credentials_.token = "hush"; }

  ProfileReader NewReader(ProfileQuery query = {}) {
    return ProfileReader(http_, *Endpoints::ForUrl("https://query.example"), credentials_, "42",
                         std::move(query));
  }

  Credentials credentials_;
  std::vector<std::string> forms_;
  std::vector<HttpResponse> answers_;  // given in order
  std::string url_;
  FakeHttpClient http_{[this](const HttpRequest& request) -> absl::StatusOr<HttpResponse> {
    url_ = request.url;
    forms_.emplace_back(request.body);
    return answers_.at(forms_.size() - 1);
  }};
};

std::string Page(int page, int results, int page_size, int total) {
  std::string body =
      StrCat("{\"page\":", page, ",\"page_size\":", page_size,
             ",\"session_id\":\"s 1\",\"status\":\"ok\",\"total\":", total, ",\"results\":[");
  for (int i = 0; i < results; ++i) {
    StrAppend(&body, i == 0 ? "" : ",", R"({"$distinct_id":"u)", page, "-", i,
              R"(","$properties":{"z":1,"a":12345678901234567890}})");
  }
  return body + "]}";
}

TEST_F(ProfileReaderTest, ReadsPageAfterPage) {
  answers_ = {{200, Page(0, 2, 2, 5)}, {200, Page(1, 2, 2, 5)}, {200, Page(2, 1, 2, 5)}};
  ProfileReader reader = NewReader();
  std::vector<Profile> all;
  for (;;) {
    const auto page = reader.Next({});
    ASSERT_TRUE(page.ok()) << page.status();
    if (page->empty()) break;
    all.insert(all.end(), page->begin(), page->end());
  }
  ASSERT_EQ(all.size(), 5u);
  EXPECT_EQ(all[4].distinct_id, "u2-0");
  EXPECT_EQ(all[4].properties, R"({"z":1,"a":12345678901234567890})");
  EXPECT_EQ(reader.total(), 5u);
  EXPECT_EQ(forms_,
            (std::vector<std::string>{"", "session_id=s%201&page=1", "session_id=s%201&page=2"}));
  EXPECT_EQ(url_, "https://query.example/api/query/engage");
}

TEST_F(ProfileReaderTest, SendsItsQueryWithEveryPage) {
  answers_ = {{200, Page(0, 1, 1, 1)}, {200, Page(1, 0, 1, 1)}};
  credentials_.service_account_user = "u";
  ProfileReader reader = NewReader({.where = "properties[\"x\"]==1",
                                    .output_properties = {"$email", "é"},
                                    .data_group_id = "77"});
  ASSERT_TRUE(reader.Next({}).ok());
  ASSERT_TRUE(reader.Next({}).ok());
  const std::string query =
      "where=properties%5B%22x%22%5D%3D%3D1&output_properties=%5B%22%24email%22%2C%22%C3%A9%22%5D"
      "&data_group_id=77";
  EXPECT_EQ(forms_[0], query);
  EXPECT_EQ(forms_[1], query + "&session_id=s%201&page=1");
  EXPECT_THAT(url_, HasSubstr("?project_id=42"));
}

TEST_F(ProfileReaderTest, ReadsTheSamePageAgainAfterAFailure) {
  answers_ = {{200, Page(0, 1, 1, 2)}, {503, "busy"}, {200, "<html>"}, {200, Page(1, 0, 1, 2)}};
  ProfileReader reader = NewReader();
  ASSERT_TRUE(reader.Next({}).ok());
  EXPECT_EQ(reader.Next({}).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(reader.Next({}).status().code(), absl::StatusCode::kUnavailable);
  ASSERT_TRUE(reader.Next({}).ok());
  EXPECT_EQ(forms_[1], forms_[2]);
  EXPECT_EQ(forms_[1], forms_[3]);
}

TEST_F(ProfileReaderTest, EndsAtAShortPage) {
  answers_ = {{200, Page(0, 1, 1000, 1)}};
  ProfileReader reader = NewReader();
  EXPECT_EQ(reader.Next({})->size(), 1u);
  EXPECT_TRUE(reader.Next({})->empty());
  EXPECT_EQ(forms_.size(), 1u);
}

TEST_F(ProfileReaderTest, TakesNumbersForIdsAndProfilesWithoutProperties) {
  answers_ = {{200, R"({"results":[{"$distinct_id":1928374650192837465}],"page_size":1000})"}};
  ProfileReader reader = NewReader();
  const auto page = reader.Next({});
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->size(), 1u);
  EXPECT_EQ((*page)[0].distinct_id, "1928374650192837465");
  EXPECT_EQ((*page)[0].properties, "{}");
}

TEST_F(ProfileReaderTest, RefusesWhatIsNoPage) {
  const std::string deep(100'000, '[');
  for (const std::string& body :
       {std::string(), std::string("{}"), std::string(R"({"results":1})"),
        std::string(R"({"results":[1]})"), std::string(R"({"results":[{}]})"),
        std::string(R"({"results":[],"page":3})"),
        StrCat(R"({"results":[{"$distinct_id":"a","$properties":)", deep,
               std::string(deep.size(), ']'), "}]}")}) {
    answers_ = {{200, body}};
    forms_.clear();
    ProfileReader reader = NewReader();
    EXPECT_EQ(reader.Next({}).status().code(), absl::StatusCode::kUnavailable)
        << body.substr(0, 100);
  }
}

TEST_F(ProfileReaderTest, TellsRefusedCredentialsWithoutSecrets) {
  answers_ = {{401, R"({"error":"Invalid credentials"})"}};
  ProfileReader reader = NewReader();
  const auto page = reader.Next({});
  EXPECT_EQ(page.status().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(page.status().ToString(), HasSubstr("Invalid credentials"));
  EXPECT_THAT(page.status().ToString(), Not(HasSubstr("hush")));
}

}  // namespace
}  // namespace millrace::mixpanel
