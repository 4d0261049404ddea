#include "connectors/mixpanel/annotation_reader.h"

#include <gmock/gmock.h>

#include "net/testing/fake_http_client.h"

namespace millrace::mixpanel {
namespace {

class AnnotationReaderTest : public testing::Test {
 protected:
  absl::StatusOr<std::vector<Profile>> Read(HttpResponse answer,
                                            const AnnotationQuery& query = {}) {
    FakeHttpClient http([&](const HttpRequest& request) -> absl::StatusOr<HttpResponse> {
      url_ = request.url;
      return answer;
    });
    AnnotationReader reader(http, *Endpoints::ForUrl("https://query.example"), credentials_, "42",
                            query);
    absl::StatusOr<std::vector<Profile>> list = reader.Next({});
    if (!list.ok()) return list;
    EXPECT_EQ(reader.total(), list->size());
    EXPECT_TRUE(reader.Next({})->empty());
    return list;
  }

  const Credentials credentials_ = {.service_account_user = "u", .service_account_secret = "s"};
  std::string url_;
};

constexpr char kList[] = R"({"status":"ok","results":[{"id":5,"date":"2026-02-15 12:00:00",)"
                         R"("description":"Größe","tags":[{"id":1,"name":"x"}]},{"id":6}]})";

TEST_F(AnnotationReaderTest, ReadsAll) {
  const auto list = Read({.status = 200, .body = kList});
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_EQ(list->size(), 2);
  EXPECT_EQ((*list)[0].group_key, "mixpanel_annotation");
  EXPECT_EQ((*list)[0].distinct_id, "5");
  EXPECT_EQ((*list)[0].properties, R"({"id":5,"date":"2026-02-15 12:00:00","description":"Größe",)"
                                   R"("tags":[{"id":1,"name":"x"}]})");
  EXPECT_EQ(url_, "https://query.example/api/app/projects/42/annotations");
}

TEST_F(AnnotationReaderTest, AsksForDays) {
  const std::string base = "https://query.example/api/app/projects/42/annotations?";
  EXPECT_TRUE(Read({.status = 200, .body = kList}, {.from = absl::CivilDay(2026, 2, 1)}).ok());
  EXPECT_EQ(url_, base + "fromDate=2026-02-01%2000%3A00%3A00");
  EXPECT_TRUE(Read({.status = 200, .body = kList},
                   {.from = absl::CivilDay(2026, 2, 1), .to = absl::CivilDay(2026, 2, 28)})
                  .ok());
  EXPECT_EQ(url_, base + "fromDate=2026-02-01%2000%3A00%3A00&toDate=2026-02-28%2023%3A59%3A59");
}

TEST_F(AnnotationReaderTest, RefusesWhatIsNoList) {
  for (const std::string body : {"", "[]", "{}", R"({"results":[{}]})", R"({"results":[1]})"}) {
    EXPECT_TRUE(absl::IsUnavailable(Read({.status = 200, .body = body}).status())) << body;
  }
  EXPECT_TRUE(absl::IsUnauthenticated(Read({.status = 401}).status()));
}

}  // namespace
}  // namespace millrace::mixpanel
