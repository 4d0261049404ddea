#include "sandbox/query_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace millrace::sandbox {
namespace {

using Permit = QueryLimits::Permit;
using Refusal = QueryLimits::Refusal;

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

class QueryLimitsTest : public ::testing::Test {
 protected:
  // Nullopt if it was admitted; then it runs on.
  std::optional<Refusal> Refused(ReadApi api, bool counts = true) {
    auto admitted = limits_.Admit(api, now_, counts, "7");
    if (auto* refusal = std::get_if<Refusal>(&admitted)) return *refusal;
    running_.push_back(std::get<Permit>(std::move(admitted)));
    return std::nullopt;
  }

  QueryLimits limits_{60};
  absl::Time now_ = kStart;
  std::vector<Permit> running_;
};

TEST_F(QueryLimitsTest, AdmitsFiveQueriesAtATime) {
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(Refused(ReadApi::kQuery));
  const std::optional<Refusal> refusal = Refused(ReadApi::kQuery);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->error,
            "Query rate limit exceeded for project_id: 7. This request exceeded the concurrency "
            "limit (6/5 queries running concurrently).");
  EXPECT_EQ(refusal->policy,
            "\"project\";q=60;w=3600, \"project-concurrency\";q=5;qu=\"concurrent-requests\"");
  EXPECT_EQ(refusal->state, "\"project\";r=55, \"project-concurrency\";r=0;t=10");
  EXPECT_TRUE(Refused(ReadApi::kQuery, /*counts=*/false)) << "pages of sessions run, too";
  EXPECT_FALSE(Refused(ReadApi::kExport));
  running_.front().reset();
  EXPECT_FALSE(Refused(ReadApi::kQuery));
}

TEST_F(QueryLimitsTest, AdmitsAHundredExportsAtATime) {
  limits_ = QueryLimits(1000);
  for (int i = 0; i < 100; ++i, now_ += absl::Seconds(1)) EXPECT_FALSE(Refused(ReadApi::kExport));
  const std::optional<Refusal> refusal = Refused(ReadApi::kExport);
  ASSERT_TRUE(refusal);
  EXPECT_THAT(refusal->error, ::testing::HasSubstr("(101/100 queries running concurrently)"));
  EXPECT_EQ(refusal->policy, "") << "no such headers are known of exports";
}

TEST_F(QueryLimitsTest, CountsAnHourFromEachQuery) {
  for (int i = 0; i < 60; ++i, now_ += absl::Seconds(10)) {
    EXPECT_FALSE(Refused(ReadApi::kQuery));
    running_.clear();
  }
  const std::optional<Refusal> refusal = Refused(ReadApi::kQuery);
  ASSERT_TRUE(refusal);
  EXPECT_THAT(refusal->error, ::testing::HasSubstr("(61/60 queries running in the last hour)"));
  EXPECT_EQ(refusal->retry_after_s, 3000);
  EXPECT_EQ(refusal->state, "\"project\";r=0;t=3000, \"project-concurrency\";r=5");
  EXPECT_FALSE(Refused(ReadApi::kQuery, /*counts=*/false));
  now_ += absl::Seconds(2999);
  EXPECT_TRUE(Refused(ReadApi::kQuery));
  now_ += absl::Seconds(1);
  EXPECT_FALSE(Refused(ReadApi::kQuery)) << "refused ones did not count";
  EXPECT_TRUE(Refused(ReadApi::kQuery));
  limits_.Clear();
  EXPECT_FALSE(Refused(ReadApi::kQuery));
}

TEST_F(QueryLimitsTest, HasNoLimitsWithZero) {
  limits_ = QueryLimits(0);
  for (int i = 0; i < 500; ++i) EXPECT_FALSE(Refused(ReadApi::kExport));
}

}  // namespace
}  // namespace millrace::sandbox
