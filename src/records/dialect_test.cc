#include "records/dialect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/strings.h"

namespace millrace {
namespace {

using testing::HasSubstr;

class DialectTest : public testing::Test {
 protected:
  // "code field" of the first cell of an event's row that does not fit, or "fits".
  std::string Check(const Dialect& dialect, std::string_view name, std::string_view properties) {
    const std::string record = StrCat("{\"event\":\"", name, "\",\"properties\":", properties, "}");
    std::vector<TableRow> rows;
    const absl::Status status = reader_.Read(record, absl::UnixEpoch(), rows);
    EXPECT_TRUE(status.ok()) << status;
    if (rows.empty()) return "";
    misfit_ = FindMisfit(dialect, form_, rows[0]);
    return misfit_ ? StrCat(misfit_->code, " ", misfit_->field) : "fits";
  }

  const TableForm form_ = *TableForm::Make(RecordType::kEvent, {"at:time", "note"});
  TableReader reader_{form_};
  std::optional<Misfit> misfit_;
};

TEST_F(DialectTest, PostgresTakesWhatItCanStore) {
  EXPECT_EQ(Check(kPostgresDialect, "E", R"({"a":"\\u0000","b":"\\\\u0000","c":1e300})"), "fits");
  EXPECT_EQ(Check(kPostgresDialect, "E", R"({"at":"0000-01-01","time":-99999999999})"), "fits");
  EXPECT_EQ(Check(kPostgresDialect, "E", R"({"at":18446744073709551615})"), "fits");
}

TEST_F(DialectTest, PostgresHasNoNul) {
  EXPECT_EQ(Check(kPostgresDialect, R"(a\u0000b)", "{}"), "nul_in_text event");
  EXPECT_THAT(misfit_->message, HasSubstr("which PostgreSQL cannot store"));
  EXPECT_EQ(Check(kPostgresDialect, "E", R"({"note":"\u0000"})"), "nul_in_text note");
  EXPECT_EQ(Check(kPostgresDialect, "E", R"({"a":"\u0000"})"), "nul_in_text properties");
  EXPECT_EQ(Check(kPostgresDialect, "E", R"({"a\u0000":1})"), "nul_in_text properties");
  EXPECT_EQ(Check(kPostgresDialect, "E", R"({"a":[{"b":"\\\u0000"}]})"), "nul_in_text properties");
}

TEST_F(DialectTest, Limits) {
  constexpr Dialect kSmall{.name = "Small",
                           .takes_nul = true,
                           .max_text_bytes = 4,
                           .max_json_bytes = 17,
                           .min_time = 0,
                           .max_time = 5'000'000};
  EXPECT_EQ(Check(kSmall, R"(a\u0000cd)", R"({"bc":"\u0000ab"})"), "fits");
  EXPECT_EQ(Check(kSmall, "abcde", "{}"), "value_too_large event");
  EXPECT_EQ(Check(kSmall, "E", R"({"bc":"\u0000abc"})"), "value_too_large properties");
  EXPECT_EQ(misfit_->message, "\"properties\" has 18 bytes; Small stores at most 17");
  EXPECT_EQ(Check(kSmall, "E", R"({"at":5})"), "fits");
  EXPECT_EQ(Check(kSmall, "E", R"({"at":5.1})"), "time_out_of_range at");
  EXPECT_EQ(Check(kSmall, "E", R"({"time":-1})"), "time_out_of_range event_time");
}

TEST_F(DialectTest, BigqueryHasTheYears1To9999) {
  EXPECT_EQ(Check(kBigqueryDialect, R"(a\u0000b)", R"({"at":"0001-01-01","a":"\u0000"})"), "fits");
  EXPECT_EQ(Check(kBigqueryDialect, "E", R"({"at":"9999-12-31T23:59:59.999999Z"})"), "fits");
  EXPECT_EQ(Check(kBigqueryDialect, "E", R"({"at":"0000-12-31"})"), "time_out_of_range at");
}

TEST_F(DialectTest, BigqueryKeepsOnlyIntegersAndDoublesInJson) {
  EXPECT_EQ(Check(kBigqueryDialect, "E",
                  R"({"a":[-9223372036854775808,18446744073709551615,0.1,-1.5e300,1e5]})"),
            "fits");
  EXPECT_EQ(Check(kBigqueryDialect, "E", R"({"a":"12345678901234567890123","b\"9e":true})"),
            "fits");
  EXPECT_EQ(Check(kBigqueryDialect, "E", R"({"a":{"b":[1,18446744073709551617]}})"),
            "number_not_exact properties");
  EXPECT_THAT(misfit_->message, HasSubstr("18446744073709551617, which BigQuery would round"));
  EXPECT_EQ(Check(kBigqueryDialect, "E", R"({"a\\":0.12345678901234567890})"),
            "number_not_exact properties");
}

TEST_F(DialectTest, SnowflakeKeeps38DigitsInJson) {
  const std::string digits(38, '7');
  EXPECT_EQ(Check(kSnowflakeDialect, "E",
                  StrCat(R"({"a":[)", digits, ",-", digits, ",0.", digits.substr(1), ",1e300]}")),
            "fits");
  EXPECT_EQ(Check(kSnowflakeDialect, "E", StrCat(R"({"a":)", digits, "7}")),
            "number_not_exact properties");
  EXPECT_EQ(Check(kSnowflakeDialect, "E", R"({"a":1.23456789012345678901e5})"),
            "number_not_exact properties");
  EXPECT_EQ(Check(kSnowflakeDialect, R"(a\u0000b)", "{}"), "nul_in_text event");
  EXPECT_EQ(Check(kSnowflakeDialect, "E", R"({"at":"1582-01-01"})"), "fits");
  EXPECT_EQ(Check(kSnowflakeDialect, "E", R"({"at":"1581-12-31"})"), "time_out_of_range at");
}

TEST_F(DialectTest, RedshiftHasShortTextAndSignedIntegers) {
  const std::string longest(65'535, 'x');
  EXPECT_EQ(Check(kRedshiftDialect, longest, StrCat(R"({"a":["\\\"",")", longest, R"(",1e300]})")),
            "fits");
  EXPECT_EQ(Check(kRedshiftDialect, longest + "x", "{}"), "value_too_large event");
  EXPECT_EQ(Check(kRedshiftDialect, "E", StrCat(R"({"a":["\\\"",")", longest, R"(x"]})")),
            "value_too_large properties");
  EXPECT_THAT(misfit_->message, HasSubstr("a string of 65536 bytes; Redshift stores at most"));
  EXPECT_EQ(Check(kRedshiftDialect, "E", R"({"a":[9223372036854775807,0.1]})"), "fits");
  EXPECT_EQ(Check(kRedshiftDialect, "E", R"({"a":9223372036854775809})"),
            "number_not_exact properties");
  EXPECT_EQ(Check(kRedshiftDialect, "E", R"({"a":"\u0000"})"), "nul_in_text properties");
  EXPECT_EQ(Check(kRedshiftDialect, "E", R"({"at":"0001-01-01"})"), "fits");
  EXPECT_EQ(Check(kRedshiftDialect, "E", R"({"at":"0000-12-31"})"), "time_out_of_range at");
}

TEST_F(DialectTest, WholeRecords) {
  EXPECT_FALSE(FindJsonMisfit(kPostgresDialect, "record", R"({"event":"\\u0000"})").has_value());
  const auto misfit = FindJsonMisfit(kPostgresDialect, "record", R"({"event":"\u0000"})");
  ASSERT_TRUE(misfit.has_value());
  EXPECT_EQ(misfit->code, "nul_in_text");
  EXPECT_EQ(misfit->field, "record");
}

}  // namespace
}  // namespace millrace
