#include "connectors/bigquery/query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "connectors/bigquery/testing/fake_queries.h"

namespace millrace::bigquery {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

class QueryTest : public testing::Test {
 protected:
  absl::Status Run(std::vector<QueryRow>& found) {
    return RunQuery(rest_, "p", "SELECT 1", 1,
                    [&](const std::vector<QueryRow>& rows) {
                      found.insert(found.end(), rows.begin(), rows.end());
                      return absl::OkStatus();
                    },
                    {});
  }

  FakeQueries queries_;
  RestClient rest_{"http://fake", NoGoogleCredentials("token"), queries_.NewClient()};
};

TEST_F(QueryTest, AQueryIsAwaited) {
  const json running = {{"jobReference", {{"jobId", "j"}}}, {"jobComplete", false}};
  queries_.answers = {FakeQueries::Answer(200, running), FakeQueries::Answer(200, running),
                      FakeQueries::Page({FakeQueries::Row({"1"}), FakeQueries::Row({nullptr})})};
  std::vector<QueryRow> rows;
  const absl::Status status = Run(rows);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_THAT(rows, ElementsAre(QueryRow{"1"}, QueryRow{std::nullopt}));
  EXPECT_EQ(queries_.requests.size(), 3u);
}

TEST_F(QueryTest, WhatIsNoResultIsNoEmptyOne) {
  const json kAnswers[] = {
      json::object(),
      json::array(),
      {{"jobComplete", true}},
      {{"jobReference", {{"jobId", "j"}}}, {"jobComplete", true}, {"rows", 1}},
      {{"jobReference", {{"jobId", "j"}}}, {"jobComplete", true}, {"rows", {{{"f", 1}}}}},
      {{"jobReference", {{"jobId", "j"}}},
       {"jobComplete", true},
       {"rows", {FakeQueries::Row({"1", "2"})}}},
      {{"jobReference", {{"jobId", "j"}}},
       {"jobComplete", true},
       {"rows", {{{"f", {{{"v", 1}}}}}}}}};
  for (const json& answer : kAnswers) {
    queries_.answers = {FakeQueries::Answer(200, answer)};
    std::vector<QueryRow> rows;
    const absl::Status status = Run(rows);
    EXPECT_TRUE(absl::IsUnavailable(status)) << answer << status;
  }
  queries_.answers = {FakeQueries::Answer(200, {{"jobReference", {{"jobId", "j"}}},
                                                {"jobComplete", true},
                                                {"errors", {{{"message", "no such column"}}}}})};
  std::vector<QueryRow> rows;
  const absl::Status failed = Run(rows);
  EXPECT_TRUE(absl::IsFailedPrecondition(failed)) << failed;
  EXPECT_THAT(failed.message(), HasSubstr("no such column"));
}

}  // namespace
}  // namespace millrace::bigquery
