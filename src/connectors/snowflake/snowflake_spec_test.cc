#include "connectors/snowflake/snowflake_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "base/strings.h"
#include "connectors/snowflake/sql_text.h"

namespace millrace::snowflake {
namespace {

using testing::HasSubstr;
using testing::Not;

class SnowflakeSpecTest : public testing::Test {
 protected:
  absl::StatusOr<SnowflakeSpec> Parse(std::string_view uri) {
    return SnowflakeSpec::Parse(uri, [this](std::string_view name) -> std::optional<std::string> {
      const auto found = variables_.find(std::string(name));
      if (found == variables_.end()) return std::nullopt;
      return found->second;
    });
  }
  std::string Error(std::string_view uri) {
    const auto spec = Parse(uri);
    EXPECT_TRUE(absl::IsInvalidArgument(spec.status())) << uri;
    return std::string(ToStd(spec.status().message()));
  }

  std::map<std::string, std::string> variables_;
};

TEST_F(SnowflakeSpecTest, NamesAreInUpperCaseUnlessTheyAreQuoted) {
  const auto spec = Parse(
      "snowflake://MyOrg-Acct_1/analytics/%22raw.data%22?user=loader&role=ingest&warehouse=small"
      "&events=web_events&users=%22my%20users%22");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->account, "myorg-acct_1");
  EXPECT_EQ(spec->url, "https://myorg-acct-1.snowflakecomputing.com");
  EXPECT_EQ(spec->AccountClaim(), "MYORG-ACCT_1");
  EXPECT_EQ(spec->QuotedTable(spec->tables.at(RecordType::kEvent)),
            R"("ANALYTICS"."raw.data"."WEB_EVENTS")");
  EXPECT_EQ(spec->tables.at(RecordType::kUser), "my users");
  EXPECT_FALSE(spec->tables.contains(RecordType::kGroup));
  EXPECT_EQ(spec->user, "LOADER");
  EXPECT_EQ(spec->role, "INGEST");
  EXPECT_EQ(spec->warehouse, "SMALL");
  EXPECT_EQ(spec->method, std::nullopt);
  EXPECT_EQ(spec->name(), R"(snowflake://myorg-acct_1/ANALYTICS/"raw.data")");
  EXPECT_EQ(spec->LedgerName(RecordType::kEvent),
            R"(snowflake://myorg-acct_1/ANALYTICS/"raw.data"/WEB_EVENTS)");
}

TEST_F(SnowflakeSpecTest, VariablesCompleteTheUri) {
  variables_ = {{"SNOWFLAKE_USER", "loader"},
                {"SNOWFLAKE_ROLE", "ingest"},
                {"SNOWFLAKE_WAREHOUSE", "small"},
                {"SNOWFLAKE_HOST", "xy.privatelink.snowflakecomputing.com/"}};
  const auto spec = Parse("snowflake://xy12345.us-east-1/d/s?role=other");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->url, "https://xy.privatelink.snowflakecomputing.com");
  EXPECT_EQ(spec->AccountClaim(), "XY12345");
  EXPECT_EQ(spec->user, "LOADER");
  EXPECT_EQ(spec->role, "OTHER");
  EXPECT_EQ(spec->tables.size(), 3u);
  EXPECT_EQ(spec->LedgerName(RecordType::kGroup), "snowflake://xy12345.us-east-1/D/S/GROUPS");
}

TEST_F(SnowflakeSpecTest, AccountOfAGlobalConnection) {
  const auto spec = Parse("snowflake://acct-1a2b3c.global/d/s");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->AccountClaim(), "ACCT");
}

TEST_F(SnowflakeSpecTest, HostOfTheAccountMayBeTheWholeName) {
  const auto spec = Parse("snowflake://org-a.snowflakecomputing.com/d/s");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->account, "org-a");
  EXPECT_EQ(spec->url, "https://org-a.snowflakecomputing.com");
}

TEST_F(SnowflakeSpecTest, MethodsAndBuckets) {
  const auto copy = Parse("snowflake://a/d/s?bucket=s3://b/p&stage=files");
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_EQ(copy->method, Method::kCopy);
  ASSERT_TRUE(copy->bucket);
  EXPECT_EQ(copy->bucket->root, "s3://b/p/");
  EXPECT_EQ(copy->stage, "FILES");
  EXPECT_EQ(Parse("snowflake://a/d/s?method=sql")->method, Method::kSql);
  EXPECT_EQ(Parse("snowflake://a/d/s?method=elastic")->method, Method::kElastic);
  EXPECT_EQ(Parse("snowflake://a/d/s?stage=s&pipe=p")->pipe, "P");
  EXPECT_THAT(Error("snowflake://a/d/s?method=copy"), HasSubstr("needs bucket=URI"));
  EXPECT_THAT(Error("snowflake://a/d/s?bucket=s3://b/"), HasSubstr("needs one of stage=NAME"));
  EXPECT_THAT(Error("snowflake://a/d/s?bucket=/tmp/x&stage=s"), HasSubstr("bucket is a folder"));
  EXPECT_EQ(Parse("snowflake://a/d/s?bucket=gs://b/p&storage_integration=i&age=5m")->age,
            absl::Minutes(5));
  EXPECT_THAT(Error("snowflake://a/d/s?bucket=s3://b/&stage=s&age=0s"), HasSubstr("at least 1s"));
  EXPECT_THAT(Error("snowflake://a/d/s?bucket=s3://b/&method=sql"), HasSubstr("for method=copy"));
  EXPECT_THAT(Error("snowflake://a/d/s?method=put"), HasSubstr("streaming, elastic, sql or copy"));
}

TEST_F(SnowflakeSpecTest, Mistakes) {
  EXPECT_THAT(Error("snowflake://a/d"), HasSubstr("snowflake://ACCOUNT/DATABASE/SCHEMA"));
  EXPECT_THAT(Error("snowflake://a/d//s"), HasSubstr("snowflake://ACCOUNT/DATABASE/SCHEMA"));
  EXPECT_THAT(Error("snowflake:///d/s"), HasSubstr("ACCOUNT is an account identifier"));
  EXPECT_THAT(Error("snowflake://a/%zz/s"), HasSubstr("two hex digits"));
  EXPECT_THAT(Error("snowflake://a/d/s?table=t&events=u"), HasSubstr("name one"));
  EXPECT_THAT(Error("snowflake://a/d/s?users=t&groups=T"), HasSubstr("table T is named twice"));
  EXPECT_THAT(Error("snowflake://a/d/s?columns=plan,Plan"), HasSubstr("upper and lower case"));
  EXPECT_THAT(Error("snowflake://a/d/s?columns=Event_Time"), HasSubstr("upper and lower case"));
  EXPECT_THAT(Error("snowflake://a/d/s?form=raw"), HasSubstr("form"));
  EXPECT_THAT(Error("snowflake://a/d/s?url=http://example.com"), HasSubstr("use https"));
  EXPECT_THAT(Error("snowflake://a/d/s?url=https://u@example.com"), HasSubstr("url= is a host"));
}

TEST_F(SnowflakeSpecTest, PasswordsInTheUriAreNotRepeated) {
  EXPECT_THAT(Error("snowflake://u:hunter2@a/d/s"), Not(HasSubstr("hunter2")));
  EXPECT_THAT(Error("snowflake://a/d/s?password=hunter2"), Not(HasSubstr("hunter2")));
}

TEST(SqlTextTest, QuotesWhatEndsALiteral) {
  EXPECT_EQ(QuoteName("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(QuoteText("it's \\ $$"), "'it\\'s \\\\ $$'");
  const std::string text(300, '\'');
  EXPECT_EQ(QuoteText(text), "$$" + text + "$$");
  EXPECT_EQ(QuoteText(text + "$"), "'" + std::string(300, 'x').replace(0, 300, [] {
    std::string escaped;
    for (int i = 0; i < 300; ++i) escaped += "\\'";
    return escaped;
  }()) + "$'");
  EXPECT_EQ(LikePattern("a_b%c\\"), "a\\_b\\%c\\\\");
}

TEST(SqlTextTest, FoldsPlainNamesOnly) {
  EXPECT_EQ(FoldName("a_1$"), "A_1$");
  EXPECT_EQ(FoldName("1a"), "1a");
  EXPECT_EQ(FoldName("a b"), "a b");
  EXPECT_EQ(FoldName("\"a\"\"b\""), "a\"b");
  EXPECT_EQ(FoldName("größe"), "größe");
  EXPECT_EQ(FoldName(""), "");
}

}  // namespace
}  // namespace millrace::snowflake
