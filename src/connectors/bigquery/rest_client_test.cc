#include "connectors/bigquery/rest_client.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "base/status.h"
#include "connectors/bigquery/testing/fake_queries.h"

namespace millrace::bigquery {
namespace {

using nlohmann::json;

TEST(RestClient, LimitsAreKnownByTheirReasons) {
  FakeQueries service;
  RestClient rest("http://fake", NoGoogleCredentials("token"), service.NewClient());
  const auto limit = [&](int status, const json& error) {
    service.answers = {FakeQueries::Answer(status, {{"error", error}})};
    const absl::Status failed = rest.Send("GET", "p/jobs/j", "", "", {}).status();
    EXPECT_FALSE(failed.ok());
    return LimitOf(Annotate(failed, "looking at the job"));
  };
  const auto reasons = [](const std::vector<const char*>& list) {
    json errors = json::array();
    for (const char* reason : list) errors.push_back({{"reason", reason}});
    return json{{"message", "Exceeded, quotaExceeded"}, {"errors", errors}};
  };
  EXPECT_EQ(limit(403, reasons({"quotaExceeded"})), Limit::kQuota);
  EXPECT_EQ(limit(403, reasons({"rateLimitExceeded"})), Limit::kRate);
  EXPECT_EQ(limit(403, reasons({"other", "rateLimitExceeded", "quotaExceeded"})), Limit::kQuota);
  EXPECT_EQ(limit(429, json()), Limit::kRate);
  EXPECT_EQ(limit(503, {{"status", "RESOURCE_EXHAUSTED"}}), Limit::kRate);
  EXPECT_EQ(limit(403, reasons({"accessDenied"})), Limit::kNone) << "words are no reason";
  EXPECT_EQ(limit(503, reasons({"backendError"})), Limit::kNone);
  EXPECT_EQ(LimitOf(absl::OkStatus()), Limit::kNone);
}

}  // namespace
}  // namespace millrace::bigquery
