#include "connectors/mixpanel/cohort_reader.h"

#include <gmock/gmock.h>

#include <deque>

#include "net/testing/fake_http_client.h"

namespace millrace::mixpanel {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kList[] = R"([{"id":3,"name":"pro","count":2},{"id":4,"name":"empty","count":0}])";

class CohortReaderTest : public testing::Test {
 protected:
  // The ids of all rows.
  absl::StatusOr<std::vector<std::string>> Read(CohortQuery query) {
    CohortReader reader(http_, *Endpoints::ForUrl("https://query.example"), credentials_, "42",
                        std::move(query), [this] {
                          ++taken_;
                          return absl::OkStatus();
                        });
    std::vector<std::string> ids;
    for (;;) {
      const absl::StatusOr<std::vector<Profile>> page = reader.Next({});
      if (!page.ok()) return page.status();
      if (page->empty()) break;
      for (const Profile& row : *page) {
        ids.push_back(row.group_key + " " + row.distinct_id);
        last_ = row;
      }
    }
    EXPECT_EQ(reader.total(), ids.size());
    return ids;
  }

  const Credentials credentials_ = {.token = "hush"};
  std::deque<HttpResponse> answers_;
  std::vector<std::string> asked_;
  Profile last_;
  int taken_ = 0;
  FakeHttpClient http_{[this](const HttpRequest& request) -> absl::StatusOr<HttpResponse> {
    asked_.push_back(request.url + "?" + std::string(request.body));
    HttpResponse answer = std::move(answers_.front());
    answers_.pop_front();
    return answer;
  }};
};

TEST_F(CohortReaderTest, ReadsCohorts) {
  answers_ = {{.status = 200, .body = kList}};
  EXPECT_THAT(*Read({}), ElementsAre("mixpanel_cohort 3", "mixpanel_cohort 4"));
  EXPECT_EQ(last_.properties, R"({"id":4,"name":"empty","count":0})");
  EXPECT_THAT(asked_, ElementsAre("https://query.example/api/query/cohorts/list?"));
  EXPECT_EQ(taken_, 1);
}

TEST_F(CohortReaderTest, ReadsTheMembersOfEachCohort) {
  answers_ = {{.status = 200, .body = kList},
              {.status = 200,
               .body = R"({"page_size":1,"total":2,"session_id":"s","results":)"
                       R"([{"$distinct_id":"a","$properties":{"$last_seen":"x"}}]})"},
              {.status = 200,
               .body = R"({"page":1,"page_size":2,"total":2,"results":[{"$distinct_id":"b\""}]})"},
              {.status = 200, .body = R"({"page_size":1,"total":0,"results":[]})"}};
  EXPECT_THAT(*Read({.members = true}),
              ElementsAre("mixpanel_cohort 3", "mixpanel_cohort 4", "mixpanel_cohort_member 3:a",
                          "mixpanel_cohort_member 3:b\""));
  EXPECT_EQ(last_.properties, R"({"cohort_id":3,"distinct_id":"b\""})");
  EXPECT_THAT(asked_[1], HasSubstr("filter_by_cohort=%7B%22id%22%3A3%7D&include_all_users=true"));
  EXPECT_THAT(asked_[2], HasSubstr("session_id=s&page=1"));
  EXPECT_THAT(asked_[3], HasSubstr("filter_by_cohort=%7B%22id%22%3A4%7D"));
  EXPECT_EQ(taken_, 3);
}

TEST_F(CohortReaderTest, ReadsOnlyCohortsThatWereNamed) {
  answers_ = {{.status = 200, .body = kList}, {.status = 200, .body = kList}};
  EXPECT_THAT(*Read({.ids = {"4"}}), ElementsAre("mixpanel_cohort 4"));
  const absl::Status status = Read({.ids = {"4", "5"}}).status();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(status.ToString(), HasSubstr("no cohort 5"));
}

TEST_F(CohortReaderTest, WhatIsNoListIsReadAgain) {
  for (const std::string body : {"", "{}", "[1]", R"([{"name":"x"}])", R"([{"id":"3"}])"}) {
    answers_ = {{.status = 200, .body = body}};
    EXPECT_TRUE(absl::IsUnavailable(Read({}).status())) << body;
  }
  answers_ = {{.status = 402}};
  EXPECT_TRUE(absl::IsPermissionDenied(Read({}).status()));
}

}  // namespace
}  // namespace millrace::mixpanel
