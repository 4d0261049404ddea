#include "connectors/mixpanel/project_settings.h"

#include <gmock/gmock.h>

#include "net/testing/fake_http_client.h"

namespace millrace::mixpanel {
namespace {

absl::StatusOr<std::string> Read(int status, std::string body, HttpRequest* asked = nullptr) {
  FakeHttpClient http([&](const HttpRequest& request) -> absl::StatusOr<HttpResponse> {
    if (asked != nullptr) *asked = request;
    return HttpResponse{.status = status, .body = std::move(body)};
  });
  const Credentials credentials = {.service_account_user = "u", .service_account_secret = "s"};
  return ReadTimeZoneName(http, Endpoints::ForRegion(Region::kEu), credentials, "7", {});
}

TEST(ProjectSettingsTest, ReadsTheTimeZoneOfTheProject) {
  HttpRequest asked;
  EXPECT_EQ(*Read(200,
                  R"({"results":{"projects":{"6":{"timezone":"UTC"},)"
                  R"("7":{"timezone":"US/Pacific"}}}})",
                  &asked),
            "US/Pacific");
  EXPECT_EQ(asked.url, "https://eu.mixpanel.com/api/app/me");
}

TEST(ProjectSettingsTest, SaysWhatIsWrong) {
  for (const char* body : {"", "[]", "{}", R"({"results":{"projects":{"6":{"timezone":"UTC"}}}})",
                           R"({"results":{"projects":{"7":{"timezone":3}}}})",
                           R"({"results":{"projects":[]}})", R"({"results":[]})"}) {
    EXPECT_TRUE(absl::IsNotFound(Read(200, body).status())) << body;
  }
  EXPECT_TRUE(absl::IsUnauthenticated(Read(401, "").status()));
  EXPECT_TRUE(absl::IsUnavailable(Read(503, "").status()));
}

}  // namespace
}  // namespace millrace::mixpanel
