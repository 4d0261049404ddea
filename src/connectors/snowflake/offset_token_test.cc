#include "connectors/snowflake/offset_token.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace millrace::snowflake {
namespace {

using Pairs = std::vector<std::pair<uint64_t, uint64_t>>;

RowRanges Rows(const Pairs& pairs) {
  RowRanges rows;
  for (const auto& [begin, end] : pairs) rows.Add(begin, end);
  return rows;
}
Pairs ToPairs(const RowRanges& rows) { return {rows.begin(), rows.end()}; }

constexpr char kConfig[] = "0123abcd";
constexpr char kChecks[] = "ffff0000";

TEST(OffsetTokenTest, NamesTheRowsThatAreThere) {
  EXPECT_EQ(FormatOffsetToken(kConfig, kChecks, Rows({{0, 4000}, {6000, 8000}}), Rows({})),
            "m1.0123abcd.0-4000,6000-8000");
  EXPECT_EQ(FormatOffsetToken(kConfig, kChecks, Rows({{0, 10}}), Rows({{0, 1}, {4, 6}, {9, 10}})),
            "m1.0123abcd.1-4,6-9");
  EXPECT_EQ(FormatOffsetToken(kConfig, kChecks, Rows({{7, 8}}), Rows({})), "m1.0123abcd.7");
  EXPECT_EQ(FormatOffsetToken(kConfig, kChecks, Rows({}), Rows({})), "m1.0123abcd.");
}

TEST(OffsetTokenTest, IsReadBack) {
  for (const Pairs& pairs : {Pairs{}, Pairs{{0, 1}}, Pairs{{3, 9}, {11, 12}, {20, UINT64_MAX}}}) {
    const auto token = ParseOffsetToken(FormatOffsetToken(kConfig, kChecks, Rows(pairs), Rows({})));
    ASSERT_TRUE(token.has_value());
    EXPECT_EQ(token->config, kConfig);
    EXPECT_FALSE(token->all_valid);
    EXPECT_EQ(ToPairs(token->rows), pairs);
  }
}

TEST(OffsetTokenTest, ManyRefusedRowsAreNotLeftOut) {
  RowRanges refused;
  for (uint64_t row = 0; row < 4000; row += 2) refused.Add(row, row + 1);
  const std::string text = FormatOffsetToken(kConfig, kChecks, Rows({{0, 5000}}), refused);
  EXPECT_EQ(text, "m1.0123abcd.~ffff0000.0-5000");
  const auto token = ParseOffsetToken(text);
  ASSERT_TRUE(token.has_value());
  EXPECT_TRUE(token->all_valid);
  EXPECT_EQ(token->checks, kChecks);
  EXPECT_EQ(ToPairs(token->rows), (Pairs{{0, 5000}}));
}

TEST(OffsetTokenTest, RowsThatAreScatteredAreForgottenFromTheFirst) {
  RowRanges scattered;
  for (uint64_t row = 0; row < 4000; row += 2) scattered.Add(row, row + 1);
  const std::string text = FormatOffsetToken(kConfig, kChecks, scattered, Rows({}));
  EXPECT_LE(text.size(), kMaxOffsetToken);
  EXPECT_GT(text.size(), kMaxOffsetToken - 10);
  const auto token = ParseOffsetToken(text);
  ASSERT_TRUE(token.has_value());
  EXPECT_TRUE(token->rows.Contains(3998));
  EXPECT_FALSE(token->rows.Contains(0));
  EXPECT_TRUE(Covers(scattered, token->rows));
}

TEST(OffsetTokenTest, OtherTextsAreNone) {
  for (const char* text :
       {"", "0-4000", "m2.0123abcd.1", "m1.0123abc.1", "m1.0123abcd.x", "m1.0123abcd.4-4",
        "m1.0123abcd.5-4", "m1.0123abcd.1-", "m1.0123abcd.-1", "m1.0123abcd.1,,2",
        "m1.0123abcd.~123.1", "m1.0123abcd.18446744073709551615", "m1.0123abcd.1-2-3",
        "m1.0123abcd.99999999999999999999"}) {
    EXPECT_FALSE(ParseOffsetToken(text).has_value()) << text;
  }
}

TEST(RowRangesTest, AreSubtractedAndCompared) {
  EXPECT_EQ(ToPairs(Subtract(Rows({{0, 10}, {20, 30}}), Rows({{5, 25}}))),
            (Pairs{{0, 5}, {25, 30}}));
  EXPECT_EQ(ToPairs(Subtract(Rows({{5, 10}, {12, 14}}), Rows({{0, 20}}))), Pairs());
  EXPECT_EQ(ToPairs(Subtract(Rows({{0, 3}}), Rows({}))), (Pairs{{0, 3}}));
  EXPECT_EQ(ToPairs(Subtract(Rows({{0, 9}, {10, 12}}), Rows({{8, 11}}))),
            (Pairs{{0, 8}, {11, 12}}));
  EXPECT_TRUE(Covers(Rows({{0, 10}}), Rows({{0, 4}, {6, 10}})));
  EXPECT_TRUE(Covers(Rows({}), Rows({})));
  EXPECT_TRUE(Covers(Rows({{0, 4}, {6, 10}}), Rows({{1, 4}, {6, 7}})));
  EXPECT_FALSE(Covers(Rows({{0, 4}, {6, 10}}), Rows({{3, 7}})));
  EXPECT_FALSE(Covers(Rows({{0, 4}}), Rows({{8, 9}})));
}

}  // namespace
}  // namespace millrace::snowflake
