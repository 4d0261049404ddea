#include "formats/time_text.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(TimeTextTest, KeepsNanosecondsAndTheOffset) {
  const auto time = ParseTimeText("1969-12-31T23:59:59.123456789+05:30");
  ASSERT_TRUE(time.has_value());
  EXPECT_EQ(time->local_seconds, -1);
  EXPECT_EQ(time->nanos, 123'456'789);
  EXPECT_EQ(time->offset_seconds, 19'800);
}

TEST(TimeTextTest, WithoutZoneThereIsNoOffset) {
  const auto time = ParseTimeText("1970-01-02 00:00:01.5");
  ASSERT_TRUE(time.has_value());
  EXPECT_EQ(time->local_seconds, 86'401);
  EXPECT_EQ(time->nanos, 500'000'000);
  EXPECT_FALSE(time->offset_seconds.has_value());
}

TEST(TimeTextTest, TakesNothingElse) {
  for (const char* const text : {"", "04/05/2024", "2024-02-30", "2024-04-24T25:00", "1713928381",
                                 "2024-04-24T03:13:01 tomorrow", "20240424"}) {
    EXPECT_FALSE(ParseTimeText(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace millrace
