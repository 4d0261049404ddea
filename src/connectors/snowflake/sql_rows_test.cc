#include "connectors/snowflake/sql_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace millrace::snowflake {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class SqlRowsTest : public testing::Test {
 protected:
  SqlRowsTest() {
    const auto none = [](std::string_view) -> std::optional<std::string> { return std::nullopt; };
    spec_ = *SnowflakeSpec::Parse(
        "snowflake://a/d/s?table=t&columns=n:integer,x:number,b:boolean,at:time,j:json", none);
    table_.emplace(spec_, *TableForm::Make(RecordType::kEvent, spec_.extra_columns));
    sql_.emplace(spec_, *table_);
  }
  std::string RowOf(std::string_view record) {
    TableReader reader(table_->form());
    std::vector<TableRow> rows;
    EXPECT_TRUE(reader.Read(record, absl::UnixEpoch() + absl::Microseconds(7), rows).ok());
    std::string out;
    for (const TableRow& row : rows) sql_->AppendRow(3, table_->form(), row, out);
    return out;
  }

  SnowflakeSpec spec_;
  std::optional<TargetTable> table_;
  std::optional<SnowflakeDialect> sql_;
};

TEST_F(SqlRowsTest, ARowIsAnArrayWithItsSpan) {
  EXPECT_EQ(RowOf(R"({"event":"a\"b","properties":{"time":1,"n":9007199254740993,"x":0.10,)"
                  R"("b":true,"at":"1970-01-01T00:00:01Z","j":[null,1],"more":{"k":1e2}}})"),
            R"([3,"a\"b",1000000,7,null,null,null,null,null,{"more":{"k":1e2}},)"
            R"(9007199254740993,0.10,true,1000000,[null,1]])");
}

TEST_F(SqlRowsTest, NothingInARowEndsTheLiteral) {
  const std::string row = RowOf(R"({"event":"$$$ $$","properties":{"$$":"'; DROP TABLE x;--"}})");
  EXPECT_THAT(row, Not(HasSubstr("$$")));
  EXPECT_THAT(row, HasSubstr(R"(\u0024)"));
}

TEST_F(SqlRowsTest, RowsAreInsertedWhereTheirSpanIsOpen) {
  const std::string sql = sql_->InsertSql("[0,\"a\"],[1,\"b\"]", "SELECT 1");
  EXPECT_THAT(sql, StartsWith(R"(INSERT INTO "D"."S"."T" ("EVENT", "EVENT_TIME", )"));
  EXPECT_THAT(sql, AllOf(HasSubstr("SELECT value[1]::VARCHAR, TO_TIMESTAMP_NTZ(value[2]"),
                         HasSubstr("STRIP_NULL_VALUE(value[9]), value[10]::NUMBER(38,0), "
                                   "value[11]::FLOAT, value[12]::BOOLEAN"),
                         HasSubstr("PARSE_JSON($$[[0,\"a\"],[1,\"b\"]]$$, 'd')"),
                         EndsWith("WHERE value[0]::NUMBER(38,0) IN (SELECT 1)")));
  EXPECT_THAT(sql_->InsertSql("[0]", ""), Not(HasSubstr("WHERE")));
}

}  // namespace
}  // namespace millrace::snowflake
