#include "init/name_hints.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(WordsOfTest, SplitsNamesIntoWords) {
  EXPECT_EQ(WordsOf("event_name"), "event_name");
  EXPECT_EQ(WordsOf("eventName"), "event_name");
  EXPECT_EQ(WordsOf("Event Name"), "event_name");
  EXPECT_EQ(WordsOf("$insert_id"), "insert_id");
  EXPECT_EQ(WordsOf("userID"), "user_id");
  EXPECT_EQ(WordsOf("HTTPStatus"), "http_status");
  EXPECT_EQ(WordsOf("DaysSinceEpoch"), "days_since_epoch");
  EXPECT_EQ(WordsOf("Actor.ID"), "actor.id");
  EXPECT_EQ(WordsOf("__x--y__"), "x_y");
  EXPECT_EQ(WordsOf("имя"), "имя");
  EXPECT_EQ(WordsOf(""), "");
}

TEST(NameScoreTest, KnowsNamesInAnySpelling) {
  for (const char* name : {"user_id", "userId", "USERID", "User ID", "user-id"}) {
    EXPECT_EQ(NameScore(ColumnRole::kUserId, name), 100) << name;
  }
  EXPECT_EQ(NameScore(ColumnRole::kDeviceId, "did"), 90);
  EXPECT_EQ(NameScore(ColumnRole::kTime, "bussiness_ts"), 95);
  EXPECT_EQ(NameScore(ColumnRole::kInsertId, "$insert_id"), 100);
}

TEST(NameScoreTest, KnowsEndingsOfWholeWords) {
  EXPECT_GT(NameScore(ColumnRole::kTime, "trip_start_time"),
            NameScore(ColumnRole::kTime, "trip_end_time"));
  EXPECT_GT(NameScore(ColumnRole::kTime, "FlightDate"), 0);
  EXPECT_EQ(NameScore(ColumnRole::kTime, "format"), 0);
  EXPECT_EQ(NameScore(ColumnRole::kTime, "parts"), 0);
  EXPECT_EQ(NameScore(ColumnRole::kUserId, "paid"), 0);
}

TEST(IsLabelTest, KnowsNamesOfIdsAndCodes) {
  for (const char* name : {"ip_id", "FlightNum", "zip", "user.ID", "r_version"}) {
    EXPECT_TRUE(IsLabel(name)) << name;
  }
  for (const char* name : {"size", "paid", "numbers", "gps_points", ""}) {
    EXPECT_FALSE(IsLabel(name)) << name;
  }
}

TEST(NameScoreTest, AnEventTypeGoesBeforeAType) {
  EXPECT_GT(NameScore(ColumnRole::kEventName, "event_name"),
            NameScore(ColumnRole::kEventName, "event_type"));
  EXPECT_GT(NameScore(ColumnRole::kEventName, "event_type"),
            NameScore(ColumnRole::kEventName, "type"));
}

}  // namespace
}  // namespace millrace
