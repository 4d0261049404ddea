#include "export/profile_fetch.h"

#include <gmock/gmock.h>

#include <deque>

#include "io/temp_folder.h"
#include "net/testing/fake_http_client.h"

namespace millrace {
namespace {

class ProfileFetchTest : public testing::Test {
 protected:
  absl::StatusOr<WindowFile> Fetch() {
    mixpanel::ProfileReader reader(http_, mixpanel::Endpoints::ForRegion(mixpanel::Region::kUs),
                                   credentials_, "7", {});
    RowHashes hashes(scratch_);
    return FetchProfiles(reader,
                         {.path = folder_->path() + "/profiles",
                          .taken_at = absl::FromUnixSeconds(1'700'000'000),
                          .retrier = retrier_,
                          .on_retry = [this] { ++retries_; },
                          .on_page = [](uint64_t, uint64_t) {}},
                         hashes, {});
  }

  const mixpanel::Credentials credentials_;
  std::deque<HttpResponse> answers_;
  FakeHttpClient http_{[this](const HttpRequest&) -> absl::StatusOr<HttpResponse> {
    HttpResponse answer = std::move(answers_.front());
    answers_.pop_front();
    return answer;
  }};
  FakeClock clock_;
  QueryRetrier retrier_{RetryPolicy(), clock_};
  int retries_ = 0;
  const std::unique_ptr<TempFolder> folder_ = *TempFolder::Make(testing::TempDir(), "profiles");
  ScratchFile scratch_{folder_->path()};
};

constexpr char kFirst[] = R"({"page":0,"page_size":2,"total":3,"session_id":"s","results":[)"
                          R"({"$distinct_id":"a","$properties":{"n":1}},{"$distinct_id":2}]})";
constexpr char kSecond[] = R"({"page":1,"page_size":2,"total":3,"results":[{"$distinct_id":"c"}]})";
constexpr char kEmptySecond[] = R"({"page":1,"page_size":2,"total":3,"results":[]})";

TEST_F(ProfileFetchTest, ReadsAllPagesAndRepeatsThoseThatFail) {
  answers_ = {{.status = 200, .body = kFirst}, {.status = 503}, {.status = 200, .body = kSecond}};
  const auto file = Fetch();
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->rows, 3);
  EXPECT_EQ(retries_, 1);
}

TEST_F(ProfileFetchTest, AMissingProfileOrSessionIsReadAgainFromTheBeginning) {
  answers_ = {{.status = 200, .body = kFirst}, {.status = 200, .body = kEmptySecond}};
  EXPECT_TRUE(absl::IsAborted(Fetch().status()));
  answers_ = {{.status = 200, .body = kFirst}, {.status = 400, .body = "unknown session"}};
  EXPECT_TRUE(absl::IsAborted(Fetch().status()));
}

TEST_F(ProfileFetchTest, WhatMixpanelRefusesIsAnError) {
  answers_ = {{.status = 400, .body = "bad expression"}};
  EXPECT_TRUE(absl::IsInvalidArgument(Fetch().status()));
  answers_ = {{.status = 402}};
  EXPECT_TRUE(absl::IsPermissionDenied(Fetch().status()));
}

}  // namespace
}  // namespace millrace
