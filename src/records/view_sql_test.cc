// What is in the queries of the views. What they return is tested with servers, in
// tests/integration.
#include "records/view_sql.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TableForm Form(RecordType type, std::vector<std::string> columns = {}) {
  auto form = TableForm::Make(type, std::move(columns));
  EXPECT_TRUE(form.ok()) << form.status();
  return *std::move(form);
}

TEST(ViewName, SaysWhatTheRowsAre) {
  EXPECT_EQ(ViewName(RecordType::kEvent, "events"), "events_deduped");
  EXPECT_EQ(ViewName(RecordType::kUser, "people"), "people_current");
  EXPECT_EQ(ViewName(RecordType::kGroup, "groups"), "groups_current");
}

TEST(ViewQuery, ProfilesAreFoldedWhereTheyCanBe) {
  for (const RecordType type : {RecordType::kUser, RecordType::kGroup}) {
    EXPECT_FALSE(ViewQuery(SqlDialect::kRedshift, Form(type), "t"));
    for (const SqlDialect dialect :
         {SqlDialect::kPostgres, SqlDialect::kBigQuery, SqlDialect::kSnowflake}) {
      EXPECT_THAT(*ViewQuery(dialect, Form(type), "t"), HasSubstr("AS unfolded_updates"));
    }
  }
  for (const SqlDialect dialect : {SqlDialect::kPostgres, SqlDialect::kBigQuery,
                                   SqlDialect::kSnowflake, SqlDialect::kRedshift}) {
    EXPECT_THAT(*ViewQuery(dialect, Form(RecordType::kEvent), "t"), HasSubstr("row_number()"));
  }
}

TEST(ViewQuery, NoPlaceholderIsLeft) {
  for (const SqlDialect dialect :
       {SqlDialect::kPostgres, SqlDialect::kBigQuery, SqlDialect::kSnowflake}) {
    for (const RecordType type : kAllRecordTypes) {
      const auto query = ViewQuery(dialect, Form(type, {"plan", "since:time", "list:json"}), "t");
      ASSERT_TRUE(query);
      EXPECT_THAT(*query, Not(testing::ContainsRegex("[{][a-z_]+[}]"))) << *query;
    }
  }
}

TEST(ViewQuery, RequestedColumnsAreProperties) {
  const TableForm form = Form(RecordType::kUser, {"plan", "since:time"});
  const std::string bigquery = *ViewQuery(SqlDialect::kBigQuery, form, "t");
  EXPECT_THAT(bigquery, HasSubstr("`plan` AS column_1, `since` AS column_2"));
  EXPECT_THAT(bigquery, HasSubstr("TO_JSON(column_1) ELSE properties['$plan'] END"));
  EXPECT_THAT(bigquery, HasSubstr("TO_JSON(FORMAT_TIMESTAMP("));
  const std::string snowflake = *ViewQuery(SqlDialect::kSnowflake, form, "t");
  EXPECT_THAT(snowflake, HasSubstr("\"PLAN\" AS column_1, \"SINCE\" AS column_2"));
  EXPECT_THAT(snowflake, HasSubstr("TO_VARIANT(column_1) ELSE properties:\"$plan\" END"));
}

TEST(ViewQuery, QuotesNames) {
  EXPECT_THAT(*ViewQuery(SqlDialect::kPostgres, Form(RecordType::kEvent, {"a\"b"}), "t"),
              HasSubstr("\"a\"\"b\""));
  EXPECT_THAT(*ViewQuery(SqlDialect::kPostgres, Form(RecordType::kUser, {"it's \\"}), "t"),
              HasSubstr("E'it''s \\\\'"));
  EXPECT_THAT(*ViewQuery(SqlDialect::kSnowflake, Form(RecordType::kUser, {"it's \\"}), "t"),
              HasSubstr("GET(properties, '$it\\'s \\\\')"));
}

}  // namespace
}  // namespace millrace
