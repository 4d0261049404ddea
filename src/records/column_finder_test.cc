#include "records/column_finder.h"

#include <gtest/gtest.h>

#include <string>

namespace millrace {
namespace {

std::string Find(RecordType type, std::string_view column, std::string_view record) {
  RecordParser parser(type);
  EXPECT_TRUE(parser.Parse(record).ok()) << record;
  return std::string(ColumnFinder(type, column).Find(parser));
}

TEST(ColumnFinderTest, FindsWhatFillsTheColumn) {
  constexpr std::string_view kEvent =
      R"({"event":"a \"b\"","properties":{"x":1,"$insert_id":"i-1","distinct_id":12.50,"time":1}})";
  EXPECT_EQ(Find(RecordType::kEvent, "event", kEvent), "a \"b\"");
  EXPECT_EQ(Find(RecordType::kEvent, "insert_id", kEvent), "i-1");
  EXPECT_EQ(Find(RecordType::kEvent, "distinct_id", kEvent), "12.5");
  EXPECT_EQ(Find(RecordType::kEvent, "user_id", kEvent), "");
  EXPECT_EQ(Find(RecordType::kEvent, "group_id", kEvent), "");
  EXPECT_EQ(Find(RecordType::kUser, "distinct_id", R"({"$distinct_id":"u","$set":{"a":1}})"), "u");
  EXPECT_EQ(
      Find(RecordType::kGroup, "group_id", R"({"$group_key":"k","$group_id":"g","$set":{"a":1}})"),
      "g");
}

TEST(ColumnFinderTest, TheFirstKeyThatIsNotNullWins) {
  EXPECT_EQ(Find(RecordType::kEvent, "distinct_id",
                 R"({"event":"e","properties":{"$distinct_id":"other","distinct_id":"u"}})"),
            "u");
  EXPECT_EQ(Find(RecordType::kEvent, "distinct_id",
                 R"({"event":"e","properties":{"distinct_id":null,"$distinct_id":"other"}})"),
            "other");
}

TEST(ColumnFinderTest, RemembersNoValuesOfAnotherShape) {
  RecordParser parser(RecordType::kEvent);
  ColumnFinder finder(RecordType::kEvent, "insert_id");
  const auto find = [&](std::string_view record) {
    EXPECT_TRUE(parser.Parse(record).ok());
    return std::string(finder.Find(parser));
  };
  EXPECT_EQ(find(R"({"event":"e","properties":{"$insert_id":"1"}})"), "1");
  EXPECT_EQ(find(R"({"event":"e","properties":{"$insert_id":"2"}})"), "2");
  EXPECT_EQ(find(R"({"event":"e","properties":{"a":3,"$insert_id":"3"}})"), "3");
  EXPECT_EQ(find(R"({"event":"e","properties":{"a":4}})"), "");
  EXPECT_EQ(find(R"({"event":"e","properties":{"$insert_id":"5"}})"), "5");
}

}  // namespace
}  // namespace millrace
