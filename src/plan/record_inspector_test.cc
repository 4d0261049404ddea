#include "plan/record_inspector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/byte_buffer.h"
#include "base/strings.h"

namespace millrace {
namespace {

using ::testing::IsEmpty;

class RecordInspectorTest : public ::testing::Test {
 protected:
  bool Inspect(std::string_view record, RecordInspector& inspector) {
    ByteBuffer padded;
    padded.Append(record);
    return inspector.Inspect(padded.view());
  }
  bool Inspect(std::string_view record) { return Inspect(record, inspector_); }

  const absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  SeenRecords seen_;
  RecordInspector inspector_{RecordType::kEvent, now_, seen_};
};

TEST_F(RecordInspectorTest, CountsEventNamesMostFrequentFirst) {
  EXPECT_TRUE(Inspect(R"({"event":"a","properties":{"time":1600000000000}})"));
  EXPECT_TRUE(Inspect(R"({"event":"b","properties":{"time":1600000000000}})"));
  EXPECT_FALSE(Inspect(R"({"event":"b","properties":{"time":1600000000000}})"));
  const RecordStats stats = inspector_.stats();
  ASSERT_EQ(stats.names.size(), 2u);
  EXPECT_EQ(stats.names[0].name, "b");
  EXPECT_EQ(stats.names[0].records, 2u);
  EXPECT_EQ(stats.records, 3u);
  EXPECT_TRUE(stats.names_complete);
}

TEST_F(RecordInspectorTest, StopsCountingNewNamesWhenThereAreTooMany) {
  for (size_t i = 0; i <= RecordInspector::kMaxNames; ++i) {
    Inspect(StrCat(R"({"event":"n)", i, R"(","properties":{}})"));
  }
  EXPECT_EQ(inspector_.stats().names.size(), RecordInspector::kMaxNames);
  EXPECT_FALSE(inspector_.stats().names_complete);
}

TEST_F(RecordInspectorTest, FindsTheSpanOfTimesInSecondsAndMilliseconds) {
  Inspect(R"({"event":"a","properties":{"time":1600000000}})");
  Inspect(R"({"event":"a","properties":{"time":1500000000000}})");
  Inspect(R"({"event":"a","properties":{"time":1700000060000}})");
  const RecordStats stats = inspector_.stats();
  EXPECT_EQ(stats.first, absl::FromUnixSeconds(1'500'000'000));
  EXPECT_EQ(stats.last, absl::FromUnixSeconds(1'700'000'060));
  EXPECT_EQ(stats.in_future, 1u);
}

TEST_F(RecordInspectorTest, CountsEventsAtMidnight) {
  Inspect(R"({"event":"a","properties":{"time":1599955200000}})");
  Inspect(R"({"event":"a","properties":{"time":1599955200001}})");
  EXPECT_EQ(inspector_.stats().at_midnight, 1u);
}

TEST_F(RecordInspectorTest, EventsWithoutUserHaveNoIdAtAll) {
  Inspect(R"({"event":"a","properties":{"distinct_id":""}})");
  Inspect(R"({"event":"a","properties":{}})");
  Inspect(R"({"event":"a","properties":{"distinct_id":"","$device_id":"d"}})");
  Inspect(R"({"event":"a","properties":{"distinct_id":"u"}})");
  EXPECT_EQ(inspector_.stats().without_user, 2u);
}

TEST_F(RecordInspectorTest, IdenticalMeansSameNameAndInsertId) {
  Inspect(R"({"event":"a","properties":{"$insert_id":"1"}})");
  Inspect(R"({"event":"b","properties":{"$insert_id":"1"}})");
  Inspect(R"({"event":"a","properties":{"$insert_id":"2"}})");
  Inspect(R"({"event":"a","properties":{}})");
  Inspect(R"({"event":"a","properties":{}})");
  EXPECT_EQ(inspector_.stats().identical, 0u);
  Inspect(R"({"event":"a","properties":{"$insert_id":"1","other":1}})");
  EXPECT_EQ(inspector_.stats().identical, 1u);
}

TEST_F(RecordInspectorTest, SaysWhenTheSetOfSeenRecordsIsFull) {
  SeenRecords few(2);
  RecordInspector inspector(RecordType::kEvent, now_, few);
  for (const char* id : {"1", "2", "3", "3", "1"}) {
    Inspect(StrCat(R"({"event":"a","properties":{"$insert_id":")", id, R"("}})"), inspector);
  }
  EXPECT_EQ(inspector.stats().identical, 1u);  // of "1"; "3" is not in the set
  EXPECT_FALSE(inspector.stats().identical_complete);
}

TEST_F(RecordInspectorTest, MeasuresTextsAfterUnescaping) {
  std::string at_limit;
  for (int i = 0; i < 255; ++i) at_limit += "\\n";
  Inspect(StrCat(R"({"event":"a","properties":{"p":")", at_limit, R"("}})"));
  EXPECT_THAT(inspector_.stats().excesses, IsEmpty());
  Inspect(StrCat(R"({"event":"a","properties":{"p":")", at_limit, R"(x"}})"));
  const RecordStats stats = inspector_.stats();
  ASSERT_EQ(stats.excesses.size(), 1u);
  EXPECT_EQ(stats.excesses[0].limit, RecordLimit::kTextBytes);
  EXPECT_EQ(stats.excesses[0].property, "p");
  EXPECT_EQ(stats.excesses[0].worst, 256u);
  EXPECT_EQ(stats.excesses[0].records, 1u);
}

TEST_F(RecordInspectorTest, MeasuresDepthListsAndSizes) {
  Inspect(R"({"event":"a","properties":{"ok":{"a":{"b":[1]}},"deep":{"a":{"b":{"c":{}}}}}})");
  std::string list;
  for (int i = 0; i < 3000; ++i) StrAppend(&list, i == 0 ? "" : ",", "123");
  Inspect(StrCat(R"({"event":"a","properties":{"list":[)", list, R"(],"after":"x"}})"));
  std::vector<std::pair<RecordLimit, std::string>> found;
  for (const Excess& excess : inspector_.stats().excesses) {
    found.emplace_back(excess.limit, excess.property);
  }
  EXPECT_THAT(found, ::testing::UnorderedElementsAre(std::pair(RecordLimit::kDepth, "deep"),
                                                     std::pair(RecordLimit::kListLength, "list"),
                                                     std::pair(RecordLimit::kValueBytes, "list")));
}

TEST_F(RecordInspectorTest, CountsTheKeysOfNestedObjects) {
  std::string fields;
  for (int i = 0; i < 256; ++i) StrAppend(&fields, i == 0 ? "" : ",", "\"p", i, "\":1");
  Inspect(StrCat(R"({"event":"a","properties":{)", fields, "}}"));
  EXPECT_THAT(inspector_.stats().excesses, IsEmpty());
  Inspect(StrCat(R"({"event":"a","properties":{"nested":{)", fields, "}}}"));
  const RecordStats stats = inspector_.stats();
  ASSERT_EQ(stats.excesses.size(), 1u);
  EXPECT_EQ(stats.excesses[0].limit, RecordLimit::kKeys);
  EXPECT_EQ(stats.excesses[0].property, "nested");
  EXPECT_EQ(stats.excesses[0].worst, 256u);
}

TEST_F(RecordInspectorTest, AcceptsNumbersThatNoMachineTypeCanRepresent) {
  Inspect(R"({"event":"a","properties":{"big":123456789012345678901234567890,"distinct_id":"u"}})");
  EXPECT_EQ(inspector_.stats().without_user, 0u);
}

TEST_F(RecordInspectorTest, ProfilesHaveNoTimeAndALargerLimit) {
  RecordInspector inspector(RecordType::kUser, now_, seen_);
  std::string list;
  for (int i = 0; i < 250; ++i)
    StrAppend(&list, i == 0 ? "\"" : ",\"", std::string(100, 'x'), "\"");
  EXPECT_TRUE(Inspect(StrCat(R"({"$distinct_id":"u","$set":{"l":[)", list, "]}}"), inspector));
  EXPECT_FALSE(Inspect(R"({"$distinct_id":"u","$set":{"t":"ok"}})", inspector));
  const RecordStats stats = inspector.stats();
  EXPECT_EQ(stats.records, 2u);
  EXPECT_THAT(stats.excesses, IsEmpty());
  EXPECT_THAT(stats.names, IsEmpty());
  EXPECT_FALSE(stats.first.has_value());
}

}  // namespace
}  // namespace millrace
