#include "init/file_profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;

class FileProfilerTest : public ::testing::Test {
 protected:
  static Value Text(std::string_view text) { return Value::Text(Value::Kind::kText, text); }
  static Value Json(std::string_view text) { return Value::Text(Value::Kind::kJson, text); }

  // Shows rows of the columns `names`.
  void Show(std::vector<std::string> names, const std::vector<std::vector<Value>>& rows) {
    const RowShape shape = RowShape::Make(std::move(names));
    for (const std::vector<Value>& values : rows) {
      profiler_.OnRow({.number = number_++, .shape = &shape, .values = values});
    }
  }

  FileProfiler profiler_{absl::FromUnixSeconds(1'700'000'000)};
  uint64_t number_ = 0;
};

TEST_F(FileProfilerTest, CountsKindsAndNulls) {
  Show({"t", "i", "late"},
       {{Text("x"), Value::Int(1), Value::Null()}, {Text(""), Value::Double(1.5), Value::Null()}});
  Show({"t", "late"}, {{Text("y"), Value::Bool(true)}});
  const FileProfile profile = profiler_.TakeProfile();
  EXPECT_EQ(profile.rows, 3u);
  ASSERT_EQ(profile.columns.size(), 3u);
  EXPECT_EQ(profile.columns[0].texts, 2u);
  EXPECT_EQ(profile.columns[0].nulls, 1u);
  EXPECT_THAT(profile.columns[0].examples, ElementsAre("x", "y"));
  EXPECT_EQ(profile.columns[1].integers, 1u);
  EXPECT_EQ(profile.columns[1].reals, 1u);
  EXPECT_EQ(profile.columns[1].nulls, 1u);
  EXPECT_EQ(profile.columns[2].others, 1u);
  EXPECT_EQ(profile.columns[2].nulls, 2u);
}

TEST_F(FileProfilerTest, TellsKindsOfTimesApart) {
  Show({"date", "iso", "zoned", "unix", "naive", "clock", "small"},
       {{Text("2015-09-12"), Text("2015-09-12 01:02:03"), Text("2015-09-12T01:02:03+02:00"),
         Text("1442019723"), Value::Timestamp(1442019723, Value::Unit::kSecond, false),
         Text("23:59:59"), Value::Int(1530)}});
  const FileProfile profile = profiler_.TakeProfile();
  const auto& columns = profile.columns;
  EXPECT_EQ(columns[0].times, 1u);
  EXPECT_EQ(columns[0].dates, 1u);
  EXPECT_EQ(columns[1].times, 1u);
  EXPECT_EQ(columns[1].dates, 0u);
  EXPECT_EQ(columns[1].without_zone, 1u);
  EXPECT_EQ(columns[2].times, 1u);
  EXPECT_EQ(columns[2].without_zone, 0u);
  EXPECT_EQ(columns[3].numbers, 1u);
  EXPECT_EQ(columns[3].first_millis, 1442019723000);
  EXPECT_EQ(columns[4].timestamps, 1u);
  EXPECT_EQ(columns[4].without_zone, 1u);
  EXPECT_EQ(columns[5].times, 0u);
  EXPECT_EQ(columns[5].clock_texts, 1u);
  EXPECT_EQ(columns[6].times, 0u);  // 1970 is out of Mixpanel's range
}

TEST_F(FileProfilerTest, KnowsWhichIdsMixpanelAcceptsAndWhetherTheyRepeat) {
  Show({"id", "uuid"}, {{Text("a-1"), Text("x:1")}, {Text("a-2"), Text("x:1")}});
  const FileProfile profile = profiler_.TakeProfile();
  EXPECT_EQ(profile.columns[0].valid_ids, 2u);
  EXPECT_TRUE(profile.columns[0].all_different());
  EXPECT_EQ(profile.columns[1].valid_ids, 0u);
  EXPECT_FALSE(profile.columns[1].all_different());
  EXPECT_EQ(profile.columns[1].distinct, 1u);
}

TEST_F(FileProfilerTest, CountsDifferentValuesUpToABound) {
  std::vector<std::string> texts;
  for (size_t i = 0; i < FileProfiler::kMaxDistinctOfOthers + 10; ++i) texts.push_back(StrCat(i));
  std::vector<std::vector<Value>> rows;
  for (const std::string& text : texts) rows.push_back({Text(text), Text(text)});
  Show({"channel", "user_id"}, rows);
  const FileProfile profile = profiler_.TakeProfile();
  EXPECT_FALSE(profile.columns[0].distinct_complete);
  EXPECT_EQ(profile.columns[0].distinct, FileProfiler::kMaxDistinctOfOthers);
  EXPECT_TRUE(profile.columns[1].distinct_complete);  // its name says that it matters
  EXPECT_EQ(profile.columns[1].distinct, texts.size());
}

TEST_F(FileProfilerTest, ProfilesNestedColumnsOfUsers) {
  Show({"actor", "payload"}, {{Json(R"({"id":12345678901,"login":"ann"})"), Json(R"({"x":1})")},
                              {Json(R"({"id":7})"), Json(R"({"y":1})")}});
  const FileProfile profile = profiler_.TakeProfile();
  ASSERT_EQ(profile.columns.size(), 4u);
  EXPECT_EQ(profile.columns[2].name, "actor.id");
  EXPECT_TRUE(profile.columns[2].nested);
  EXPECT_EQ(profile.columns[2].integers, 2u);
  EXPECT_EQ(profile.columns[3].name, "actor.login");
  EXPECT_EQ(profile.columns[3].nulls, 1u);
}

TEST_F(FileProfilerTest, CountsIdenticalRowsAndRowsInMixpanelsFormat) {
  const std::string_view properties = R"({"time":1,"distinct_id":"u"})";
  Show({"event", "properties"}, {{Text("a"), Json(properties)},
                                 {Text("a"), Json(properties)},
                                 {Text("a"), Json(R"({"x":1})")}});
  profiler_.OnBadRow(3, absl::InvalidArgumentError("bad"), "x");
  const FileProfile profile = profiler_.TakeProfile();
  EXPECT_EQ(profile.identical_rows, 1u);
  EXPECT_EQ(profile.mixpanel_rows, 2u);
  EXPECT_EQ(profile.bad_rows, 1u);
  EXPECT_EQ(profile.rows, 3u);
}

}  // namespace
}  // namespace millrace
