#include "plan/cost_estimate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace {
namespace {

using ::testing::HasSubstr;

constexpr Amounts kAmounts{.rows = 1000,
                           .events = 1000,
                           .requests = 2.5,
                           .bytes = 500'000,
                           .padded_bytes = 1'024'000,
                           .gzip_bytes = 50'000};

TEST(ParsePrices, TakesNumbersByName) {
  const auto prices = ParsePrices({"a=0.5", "b=0"});
  ASSERT_TRUE(prices.ok());
  EXPECT_EQ(*prices, (Prices{{"a", 0.5}, {"b", 0}}));
  for (const char* bad : {"a", "=1", "a=", "a=x", "a=-1", "a=nan", "a=inf"}) {
    EXPECT_EQ(ParsePrices({bad}).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
  EXPECT_THAT(ParsePrices({"a=1", "a=2"}).status().message(), HasSubstr("a is given twice"));
}

TEST(EstimateCosts, CountsUnitsAndMultipliesByThePrice) {
  const std::vector<BilledUnit> units = {
      {.name = "records", .by = BilledBy::kRecords, .size = 100, .price = 2},
      {.name = "bytes", .by = BilledBy::kBytes, .size = 1000, .price = 1},
      {.name = "padded", .size = 1024, .min_record_bytes = 1024, .price = 1},
      {.name = "gzip", .by = BilledBy::kGzipBytes, .size = 1000},
      {.name = "requests", .by = BilledBy::kRequests, .size = 1, .price = 0.1}};
  const auto lines = EstimateCosts(kAmounts, units, {{"records", 3.0}, {"requests", 0.0}});
  ASSERT_TRUE(lines.ok()) << lines.status();
  const auto amount = [&](size_t i) { return (*lines)[i].amount; };
  EXPECT_DOUBLE_EQ(amount(0), 10);
  EXPECT_DOUBLE_EQ(amount(1), 500);
  EXPECT_DOUBLE_EQ(amount(2), 1000);
  EXPECT_DOUBLE_EQ(amount(3), 50);
  EXPECT_DOUBLE_EQ(amount(4), 3) << "whole requests";
  EXPECT_DOUBLE_EQ((*lines)[0].cost(), 30);
  EXPECT_TRUE((*lines)[0].price_given);
  EXPECT_DOUBLE_EQ((*lines)[1].cost(), 500);
  EXPECT_FALSE((*lines)[1].price_given);
  EXPECT_DOUBLE_EQ((*lines)[4].cost(), 0) << "a price of 0 is one";
}

TEST(EstimateCosts, NamesThePricesThatThereAre) {
  const std::vector<BilledUnit> units = {{.name = "a"}, {.name = "b"}};
  EXPECT_THAT(EstimateCosts(kAmounts, units, {{"c", 1.0}}).status().message(),
              HasSubstr("--price c: this destination has no such price; it has a, b"));
  EXPECT_THAT(EstimateCosts(kAmounts, {}, {{"c", 1.0}}).status().message(),
              HasSubstr("it has none"));
}

}  // namespace
}  // namespace millrace
