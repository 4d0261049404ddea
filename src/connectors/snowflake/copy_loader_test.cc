#include "connectors/snowflake/copy_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/strings.h"

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

TEST(CopyLoaderTest, TakesAThousandFiles) {
  loads::FileLoad load{.commit = "c"};
  load.files.resize(1001, {.uri = "s3://b/p/c"});
  EXPECT_THAT(CopySql("snowflake://a/d/s?bucket=s3://b/p/&stage=files", load),
              HasSubstr("raise file_size"));
}

}  // namespace
}  // namespace millrace::snowflake
