#include "plan/column_stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

SourceConfig Config() {
  SourceConfig config;
  config.event_name_from_field = "event_name";
  config.mappings = {{.source_field = "bussiness_ts", .mixpanel_field = "time"},
                     {.source_field = "user.id", .mixpanel_field = "$user_id"}};
  return config;
}

TEST(ColumnStatsTest, FindsMissingColumnsAndTheNearestName) {
  ColumnStats stats(Config());
  stats.BeginObject("file:///a");
  stats.See({"event_name", "business_ts", "user"});
  stats.EndObject();
  stats.BeginObject("file:///b");
  stats.See({"event_name", "business_ts"});
  stats.EndObject();

  const std::vector<MissingColumn> missing = stats.missing();
  ASSERT_EQ(missing.size(), 2u);
  EXPECT_EQ(missing[0].column, "bussiness_ts");
  EXPECT_EQ(missing[0].used_for, "\"time\"");
  EXPECT_EQ(missing[0].objects, 2u);
  EXPECT_EQ(missing[0].nearest, "business_ts");
  EXPECT_EQ(missing[1].column, "user.id");
  EXPECT_EQ(missing[1].objects, 1u);
  EXPECT_EQ(missing[1].first_object, "file:///b");
}

TEST(ColumnStatsTest, ColumnsOfAnyRowCount) {
  ColumnStats stats(Config());
  stats.BeginObject("file:///a");
  stats.See(RowShape::Make({"event_name", "user"}));
  stats.See(RowShape::Make({"bussiness_ts"}));
  stats.EndObject();
  EXPECT_THAT(stats.missing(), IsEmpty());
  EXPECT_THAT(stats.columns(), ElementsAre("event_name", "user", "bussiness_ts"));
}

TEST(ColumnStatsTest, AnUnreadableObjectTellsNothing) {
  ColumnStats stats(Config());
  stats.BeginObject("file:///a");
  stats.EndObject();
  EXPECT_THAT(stats.missing(), IsEmpty());
}

TEST(ColumnStatsTest, UnusedColumnsAreNeitherNamedNorPassedThrough) {
  SourceConfig config = Config();
  ColumnStats stats(config);
  stats.BeginObject("file:///a");
  stats.See({"event_name", "bussiness_ts", "user", "x", "y"});
  EXPECT_THAT(stats.unused(), ElementsAre("x", "y"));

  config.pass_through = true;
  ColumnStats all(config);
  all.See({"event_name", "x"});
  EXPECT_THAT(all.unused(), IsEmpty());
}

}  // namespace
}  // namespace millrace
