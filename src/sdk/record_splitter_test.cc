#include "sdk/record_splitter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::sdk {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string_view> Split(std::string_view text) {
  std::vector<std::string_view> records;
  const absl::Status status = SplitRecords(text, &records);
  EXPECT_TRUE(status.ok()) << status << ": " << text;
  return records;
}

TEST(SplitRecords, SplitsArrays) {
  EXPECT_THAT(Split("[{\"a\":1},{\"b\":[1,2]}]"), ElementsAre("{\"a\":1}", "{\"b\":[1,2]}"));
  EXPECT_THAT(Split(" [ {} , {}\n,{} ]\n"), ElementsAre("{}", "{}", "{}"));
  EXPECT_THAT(Split("[]"), IsEmpty());
  EXPECT_THAT(Split("[ ]"), IsEmpty());
  EXPECT_THAT(Split("[1,\"x\",null,[2],{}]"), ElementsAre("1", "\"x\"", "null", "[2]", "{}"));
}

TEST(SplitRecords, IgnoresBracketsInStrings) {
  EXPECT_THAT(Split(R"([{"a":"],["},{"b":"\"},{"},{"c":"\\"}])"),
              ElementsAre(R"({"a":"],["})", R"({"b":"\"},{"})", R"({"c":"\\"})"));
}

TEST(SplitRecords, KeepsBrokenElements) {
  EXPECT_THAT(Split("[{}, ,{}]"), ElementsAre("{}", "", "{}"));
  EXPECT_THAT(Split("[{},]"), ElementsAre("{}", ""));
  EXPECT_THAT(Split("[{\"a\":tru},{}]"), ElementsAre("{\"a\":tru}", "{}"));
}

TEST(SplitRecords, RejectsUnclosedArrays) {
  std::vector<std::string_view> records;
  for (std::string_view bad : {"[", "[{}", "[{},", "[\"abc", "[{]", "[{}}", "[{}] {}", "[]]"}) {
    records.clear();
    EXPECT_EQ(SplitRecords(bad, &records).code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(SplitRecords, SplitsLines) {
  EXPECT_THAT(Split("{\"a\":1}\n{\"b\":2}\n"), ElementsAre("{\"a\":1}", "{\"b\":2}"));
  EXPECT_THAT(Split("{}\r\n\r\n  {} \n\n{}"), ElementsAre("{}", "{}", "{}"));
  EXPECT_THAT(Split("{\"cut\":\n{}\n{}"), ElementsAre("{\"cut\":", "{}", "{}"));
  EXPECT_THAT(Split("{}\nnonsense\n{}"), ElementsAre("{}", "nonsense", "{}"));
}

TEST(SplitRecords, KeepsOneObjectWhole) {
  EXPECT_THAT(Split("{\"a\":1}"), ElementsAre("{\"a\":1}"));
  EXPECT_THAT(Split("{\n  \"a\": 1\n}\n"), ElementsAre("{\n  \"a\": 1\n}"));
  EXPECT_THAT(Split(""), IsEmpty());
  EXPECT_THAT(Split(" \n"), IsEmpty());
}

TEST(SplitRecords, StopsAfterTheMaximum) {
  for (std::string_view text : {"[1,2,3]", "{}\n{}\n{}"}) {
    std::vector<std::string_view> records;
    EXPECT_TRUE(SplitRecords(text, &records, 3).ok());
    records.clear();
    EXPECT_TRUE(absl::IsResourceExhausted(SplitRecords(text, &records, 2))) << text;
    EXPECT_EQ(records.size(), 2);
  }
}

}  // namespace
}  // namespace millrace::sdk
