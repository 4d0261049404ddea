#include "connectors/redshift/redshift_dialect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "records/table_reader.h"

namespace millrace::redshift {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(RedshiftLiteralTest, QuotesAndBackslashes) {
  EXPECT_EQ(QuoteLiteral("", Backslash::kEscape), "''");
  EXPECT_EQ(QuoteLiteral("it's", Backslash::kPlain), "'it''s'");
  EXPECT_EQ(QuoteLiteral(R"(a\'b)", Backslash::kEscape), R"('a\\''b')");
  EXPECT_EQ(QuoteLiteral(R"(a\'b)", Backslash::kPlain), R"('a\''b')");
  EXPECT_EQ(QuoteLiteral(R"(a\'b)", Backslash::kUnknown), "('a' || CHR(92) || '''b')");
  EXPECT_EQ(QuoteLiteral("it's", Backslash::kUnknown), "'it''s'");
}

class RedshiftDialectTest : public testing::Test {
 protected:
  std::string RowOf(const std::string& record) {
    std::vector<TableRow> rows;
    const absl::Status read = reader_.Read(record, absl::FromUnixMicros(-1), rows);
    EXPECT_TRUE(read.ok()) << read;
    std::string out;
    if (!rows.empty()) dialect_.AppendRow(0, form_, rows[0], out);
    return out;
  }

  const TableForm form_ =
      *TableForm::Make(RecordType::kEvent, {"n:integer", "x:number", "b:boolean", "at:time"});
  TableReader reader_{form_};
  RedshiftDialect dialect_{"s", "events", /*by_requests=*/true};
};

TEST_F(RedshiftDialectTest, Rows) {
  dialect_.set_backslash(Backslash::kEscape);
  EXPECT_EQ(RowOf(R"({"event":"it's","properties":{"time":1796008365123,"distinct_id":"a\\b",)"
                  R"("n":-9223372036854775808,"x":1e300,"b":true,"at":0,"p":"\n"}})"),
            R"(('it''s','2026-11-30 03:12:45.123000','1969-12-31 23:59:59.999999',NULL,NULL,NULL,)"
            R"(NULL,'a\\b',JSON_PARSE('{"p":"\\n"}'),-9223372036854775808,'1e300',TRUE,)"
            R"('1970-01-01 00:00:00.000000'))");
  EXPECT_THAT(RowOf(R"({"event":"e","properties":{"time":"0001-01-01"}})"),
              HasSubstr("('e','0001-01-01 00:00:00.000000',"));
}

TEST_F(RedshiftDialectTest, Statements) {
  dialect_.set_columns("\"a\"");
  EXPECT_THAT(dialect_.LockStatements(),
              ElementsAre("LOCK TABLE \"s\".\"millrace_events_writers\""));
  EXPECT_EQ(dialect_.InsertSql("(1)", ""), "INSERT INTO \"s\".\"events\" (\"a\") VALUES\n(1)");
  EXPECT_EQ(dialect_.GuardSql("SELECT 1", 2),
            "SELECT 1 / (CASE WHEN COUNT(*) = 2 THEN 1 ELSE 0 END) FROM (SELECT 1) o");
}

TEST_F(RedshiftDialectTest, ARefusedSizeIsRemembered) {
  EXPECT_GT(dialect_.max_script_bytes(), 3'000'000u);
  EXPECT_LT(dialect_.max_insert_bytes(), 100'000u);
  dialect_.Shrink();
  EXPECT_EQ(dialect_.max_script_bytes(), 100'000u);
}

}  // namespace
}  // namespace millrace::redshift
