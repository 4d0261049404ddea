#include "connectors/bigquery/schema_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace millrace::bigquery {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string ErrorOf(std::string_view json) {
  return std::string(ToStd(ColumnsOfSchema(json, RecordType::kEvent).status().message()));
}

TEST(SchemaFile, ColumnsThatATableHasNotAnyway) {
  const auto columns = ColumnsOfSchema(R"([
      {"name": "event", "type": "STRING", "mode": "REQUIRED"},
      {"name": "Event_Time", "type": "TIMESTAMP"},
      {"name": "plan", "type": "STRING", "mode": "NULLABLE", "description": "of the user"},
      {"name": "n", "type": "INT64"}, {"name": "price", "type": "float64"},
      {"name": "is_new", "type": "BOOL"}, {"name": "since", "type": "TIMESTAMP"},
      {"name": "tags", "type": "JSON"}])",
                                       RecordType::kEvent);
  ASSERT_TRUE(columns.ok()) << columns.status();
  EXPECT_THAT(*columns, ElementsAre("plan:text", "n:integer", "price:number", "is_new:boolean",
                                    "since:time", "tags:json"));
  EXPECT_THAT(*ColumnsOfSchema("[]", RecordType::kUser), IsEmpty());
}

TEST(SchemaFile, ErrorsNameTheColumn) {
  EXPECT_THAT(ErrorOf("{}"), HasSubstr("bq show --schema"));
  EXPECT_THAT(ErrorOf("[1"), HasSubstr("bq show --schema"));
  EXPECT_THAT(ErrorOf(R"([{"type": "STRING"}])"), HasSubstr("a name"));
  EXPECT_THAT(ErrorOf("[1]"), HasSubstr("a name"));
  EXPECT_THAT(ErrorOf(R"([{"name": "a", "type": "RECORD", "fields": []}])"),
              HasSubstr("the column a has the type RECORD"));
  EXPECT_THAT(ErrorOf(R"([{"name": "a"}])"), HasSubstr("the column a"));
  EXPECT_THAT(ErrorOf(R"([{"name": "a", "type": "STRING", "mode": "REPEATED"}])"),
              HasSubstr("the column a is REPEATED"));
  EXPECT_THAT(ErrorOf(R"([{"name": "a", "type": "STRING", "mode": "required"}])"),
              HasSubstr("write NULLABLE"));
}

}  // namespace
}  // namespace millrace::bigquery
