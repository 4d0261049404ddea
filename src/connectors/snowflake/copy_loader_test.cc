#include "connectors/snowflake/copy_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "auth/token_source.h"
#include "base/strings.h"
#include "net/testing/fake_http_client.h"

namespace millrace::snowflake {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string CopySql(std::string_view uri, const loads::FileLoad& load) {
  const auto none = [](std::string_view) -> std::optional<std::string> { return std::nullopt; };
  const auto spec = SnowflakeSpec::Parse(uri, none);
  if (!spec.ok()) return std::string(ToStd(spec.status().message()));
  TargetTable table(*spec, *TableForm::Make(RecordType::kUser, spec->extra_columns));
  const CopyLoader loader(*spec, table, nullptr);
  const auto sql = loader.CopySql(load);
  return sql.ok() ? *sql : std::string(ToStd(sql.status().message()));
}

TEST(CopyLoaderTest, CopiesAllFilesOrNoneFromTheStage) {
  const std::string sql =
      CopySql("snowflake://a/d/s?bucket=s3://b/p/&stage=files&columns=age:integer",
              {.commit = "c", .files = {{.uri = "s3://b/p/x/c-0.gz"}, {.uri = "s3://b/p/c-1.gz"}}});
  EXPECT_THAT(
      sql,
      AllOf(HasSubstr(R"(COPY INTO "D"."S"."USERS" ("TOKEN", "DISTINCT_ID", "IP", "INSERT_TIME",)"),
            HasSubstr(R"(FROM (SELECT $1:"token"::VARCHAR, )"),
            HasSubstr(
                R"(TO_TIMESTAMP_NTZ($1:"insert_time"::VARCHAR, 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'))"),
            HasSubstr(R"($1:"properties", $1:"age"::NUMBER(38,0) FROM @"D"."S"."FILES"))"),
            HasSubstr("FILES = ('x/c-0.gz', 'c-1.gz')"), HasSubstr("ALLOW_DUPLICATE = TRUE"),
            HasSubstr("ON_ERROR = ABORT_STATEMENT FORCE = FALSE")));
}

TEST(CopyLoaderTest, AStageOfItsOwnIsNamedByTheBucket) {
  const loads::FileLoad load{.commit = "c", .files = {{.uri = "gs://b/p/c"}}};
  const std::string one = CopySql("snowflake://a/d/s?bucket=gs://b/p/&storage_integration=i", load);
  EXPECT_THAT(one, HasSubstr(R"(FROM @"D"."S"."MILLRACE_STAGE_)"));
  EXPECT_THAT(CopySql("snowflake://a/d/s?bucket=gs://b/q/&storage_integration=i", load),
              HasSubstr("is not in the bucket"));
}

// The rows are compared before the commit, so that a commit that is recorded is whole.
TEST(CopyLoaderTest, FilesThatHaveOtherRowsAreNotCommitted) {
  const auto none = [](std::string_view) -> std::optional<std::string> { return std::nullopt; };
  const SnowflakeSpec spec =
      *SnowflakeSpec::Parse("snowflake://a/d/s?bucket=s3://b/p/&stage=files", none);
  TargetTable table(spec, *TableForm::Make(RecordType::kUser, spec.extra_columns));
  FakeClock clock;
  SignIn sign_in{.tokens = NewFixedTokenSource("token"), .origin = "test"};
  std::vector<std::string> sent;
  const auto respond = [&](const HttpRequest& request) -> absl::StatusOr<HttpResponse> {
    sent.push_back(nlohmann::json::parse(request.body)["statement"]);
    return HttpResponse{.status = 422, .body = R"({"code":"100038","sqlState":"22018","message":
        "Numeric value 'the files have other rows' is not recognized"})"};
  };
  CopyLoader loader(spec, table, [&] {
    return std::make_unique<OwnClient>(spec, sign_in, std::make_unique<FakeHttpClient>(respond),
                                       clock);
  });
  const auto outcome = loader.Load(
      {.commit = "c",
       .files = {{.uri = "s3://b/p/c-0.gz", .rows = 4}, {.uri = "s3://b/p/c-1.gz", .rows = 3}}},
      {});
  EXPECT_TRUE(absl::IsDataLoss(outcome.status())) << outcome.status();
  EXPECT_THAT(ToStd(outcome.status().message()), HasSubstr("do not have 7 rows"));
  ASSERT_EQ(sent.size(), 1u);
  const size_t copy = sent[0].find("COPY INTO"), guard = sent[0].find("<> 7 THEN"),
               record = sent[0].find("'committed'");
  EXPECT_LT(copy, guard);
  EXPECT_LT(guard, record);
  EXPECT_NE(record, std::string::npos);
}

TEST(CopyLoaderTest, TakesAThousandFiles) {
  loads::FileLoad load{.commit = "c"};
  load.files.resize(1001, {.uri = "s3://b/p/c"});
  EXPECT_THAT(CopySql("snowflake://a/d/s?bucket=s3://b/p/&stage=files", load),
              HasSubstr("raise file_size"));
}

}  // namespace
}  // namespace millrace::snowflake
