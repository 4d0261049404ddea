#include "net/http_client.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);  // Tue, 14 Nov 2023 22:13:20 GMT

absl::Duration RetryAfter(std::string value) {
  HttpResponse response;
  response.headers = {{"retry-after", std::move(value)}};
  return response.RetryAfter(kNow);
}

TEST(HttpResponse, FindsTheFirstHeaderOfAName) {
  HttpResponse response;
  response.headers = {{"a", "1"}, {"b", "2"}, {"a", "3"}};
  EXPECT_EQ(response.header("a"), "1");
  EXPECT_EQ(response.header("c"), "");
}

TEST(HttpResponse, ReadsRetryAfterInSeconds) {
  EXPECT_EQ(RetryAfter("0"), absl::ZeroDuration());
  EXPECT_EQ(RetryAfter("7"), absl::Seconds(7));
  EXPECT_EQ(RetryAfter("-7"), absl::ZeroDuration());
}

TEST(HttpResponse, ReadsRetryAfterAsADate) {
  EXPECT_EQ(RetryAfter("Tue, 14 Nov 2023 22:13:50 GMT"), absl::Seconds(30));
  EXPECT_EQ(RetryAfter("Tuesday, 14-Nov-23 22:13:50 GMT"), absl::Seconds(30));
  EXPECT_EQ(RetryAfter("Tue Nov 14 22:13:50 2023"), absl::Seconds(30));
  EXPECT_EQ(RetryAfter("Tue, 14 Nov 2023 22:13:00 GMT"), absl::ZeroDuration());
}

TEST(HttpResponse, TakesAnUnreadableRetryAfterForNone) {
  EXPECT_EQ(RetryAfter(""), absl::ZeroDuration());
  EXPECT_EQ(RetryAfter("soon"), absl::ZeroDuration());
  EXPECT_EQ(RetryAfter("99999999999999999999999"), absl::ZeroDuration());
  EXPECT_EQ(HttpResponse().RetryAfter(kNow), absl::ZeroDuration());
}

TEST(BasicAuthorization, EncodesUserAndPassword) {
  EXPECT_EQ(BasicAuthorization("Aladdin", "open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  EXPECT_EQ(BasicAuthorization("token", ""), "Basic dG9rZW46");
}

}  // namespace
}  // namespace millrace
