#include "connectors/snowflake/json_rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/strings.h"
#include "connectors/snowflake/sql_text.h"

namespace millrace::snowflake {
namespace {

class JsonRowsTest : public testing::Test {
 protected:
  explicit JsonRowsTest(RecordType type = RecordType::kEvent,
                        std::vector<std::string> extra = {"n:integer", "x:number", "b:boolean"})
      : form_(*TableForm::Make(type, std::move(extra))), rows_(form_, NamesOf(form_)) {}

  static std::vector<std::string> NamesOf(const TableForm& form) {
    std::vector<std::string> names;
    for (const Column& column : form.columns()) names.push_back(FoldName(column.name));
    return names;
  }
  void Add(std::string_view record) {
    batch_.bytes.Append(record);
    batch_.EndRow(batch_.rows());
  }
  std::string Encode() {
    rows_.Encode(batch_, {}, absl::FromUnixMicros(1'700'000'000'123'456));
    return std::string(rows_.bytes({0, batch_.rows()}));
  }

  const TableForm form_;
  JsonRows rows_;
  Batch batch_;
};

TEST_F(JsonRowsTest, NamesColumnsAndLeavesOutNulls) {
  Add(R"({"event":"a \"b\"","properties":{"time":1700000000,"distinct_id":"d","$insert_id":"i","n":-7,)"
      R"("x":1.50,"b":true,"city":"Zürich","deep":{"k":[1,null]}}})");
  const std::string row = Encode();
  for (const char* part : {R"("EVENT":"a \"b\"")", R"("EVENT_TIME":"2023-11-14 22:13:20.000000")",
                           R"("DISTINCT_ID":"d")", R"("INSERT_ID":"i")", R"("N":-7)", R"("X":1.50)",
                           R"("B":true)", R"("INSERT_TIME":"2023-11-14 22:13:20.123456")",
                           R"("city":"Zürich")", R"("deep":{"k":[1,null]})"}) {
    EXPECT_NE(row.find(part), std::string::npos) << part << " in " << row;
  }
  EXPECT_EQ(row.find("USER_ID"), std::string::npos) << row;
  EXPECT_TRUE(row.starts_with("{") && row.ends_with("}\n"));
}

TEST_F(JsonRowsTest, WritesTimesOfAnyYear) {
  for (const auto& [seconds, text] : std::vector<std::pair<const char*, const char*>>{
           {"-12244089600", "1582-01-01 00:00:00.000000"},
           {"-1", "1969-12-31 23:59:59.000000"},
           {"4102444799", "2099-12-31 23:59:59.000000"}}) {
    batch_.clear();
    Add(StrCat(R"({"event":"e","properties":{"time":)", seconds, R"(,"$insert_id":"i"}})"));
    EXPECT_NE(Encode().find(StrCat("\"EVENT_TIME\":\"", text, "\"")), std::string::npos)
        << text << rows_.refused().size() << Encode();
  }
}

TEST_F(JsonRowsTest, RefusesWhatSnowflakeCannotHold) {
  Add(R"({"event":"good","properties":{"time":1}})");
  Add(R"({"event":"bad","properties":{"time":1,"x":"\u0000"}})");
  Add(R"({"event":"bad","properties":{"time":1,"wide":0.12345678901234567890123456789012345678901234567}})");
  Add(R"({"event":"bad","properties":{"time":1,"deep":[{"k":1,"k":2}]}})");
  Add("no record");
  Add(StrCat(R"({"event":")", std::string(17 << 20, 'x'), R"(","properties":{"time":1}})"));
  Add(R"({"event":"good","properties":{"time":2}})");
  const std::string rows = Encode();
  EXPECT_EQ(std::count(rows.begin(), rows.end(), '\n'), 2);
  ASSERT_EQ(rows_.refused().size(), 5u);
  EXPECT_EQ(rows_.refused()[0].code, "nul_in_text");
  EXPECT_EQ(rows_.refused()[1].code, "number_not_exact");
  EXPECT_EQ(rows_.refused()[2].code, "repeated_key");
  EXPECT_EQ(rows_.refused()[2].field, "properties");
  EXPECT_EQ(rows_.refused()[3].code, "invalid_record");
  EXPECT_EQ(rows_.refused()[4].code, "value_too_large");
  EXPECT_TRUE(rows_.is_refused(1) && !rows_.is_refused(0) && !rows_.is_refused(6));
  rows_.Refuse({0, 1}, {.row = 0, .code = "late", .field = {}, .message = "m"});
  EXPECT_EQ(rows_.refused().front().code, "late");
  EXPECT_EQ(rows_.refused().size(), 6u);
}

}  // namespace
}  // namespace millrace::snowflake
