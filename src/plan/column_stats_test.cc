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
  ColumnStats tally(Config());
  tally.BeginObject("file:///a");
  tally.See({"event_name", "business_ts", "user"});
  tally.EndObject();
  tally.BeginObject("file:///b");
  tally.See({"event_name", "business_ts"});
  tally.EndObject();

  const std::vector<MissingColumn> missing = tally.missing();
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
  ColumnStats tally(Config());
  tally.BeginObject("file:///a");
  tally.See(RowShape::Make({"event_name", "user"}));
  tally.See(RowShape::Make({"bussiness_ts"}));
  tally.EndObject();
  EXPECT_THAT(tally.missing(), IsEmpty());
  EXPECT_THAT(tally.columns(), ElementsAre("event_name", "user", "bussiness_ts"));
}

TEST(ColumnStatsTest, AnUnreadableObjectTellsNothing) {
  ColumnStats tally(Config());
  tally.BeginObject("file:///a");
  tally.EndObject();
  EXPECT_THAT(tally.missing(), IsEmpty());
}

TEST(ColumnStatsTest, UnusedColumnsAreNeitherNamedNorPassedThrough) {
  SourceConfig config = Config();
  ColumnStats tally(config);
  tally.BeginObject("file:///a");
  tally.See({"event_name", "bussiness_ts", "user", "x", "y"});
  EXPECT_THAT(tally.unused(), ElementsAre("x", "y"));

  config.pass_through = true;
  ColumnStats all(config);
  all.See({"event_name", "x"});
  EXPECT_THAT(all.unused(), IsEmpty());
}

}  // namespace
}  // namespace millrace
