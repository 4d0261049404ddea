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

TEST(TimeTextTest, HasNoOffsetWithoutAZone) {
  const auto time = ParseTimeText("1970-01-02 00:00:01.5");
  ASSERT_TRUE(time.has_value());
  EXPECT_EQ(time->local_seconds, 86'401);
  EXPECT_EQ(time->nanos, 500'000'000);
  EXPECT_FALSE(time->offset_seconds.has_value());
}

TEST(TimeTextTest, RejectsEverythingElse) {
  for (const char* const text : {"", "04/05/2024", "2024-02-30", "2024-04-24T25:00", "1713928381",
                                 "2024-04-24T03:13:01 tomorrow", "20240424"}) {
    EXPECT_FALSE(ParseTimeText(text).has_value()) << text;
  }
}

TEST(CompactTime, HasThreeForms) {
  const auto parsed = [](std::string_view text) -> int64_t {
    const std::optional<TimeText> time = ParseCompactTime(text, CompactTimeOf(text.size()));
    return time ? time->local_seconds : -1;
  };
  EXPECT_EQ(parsed("20240424"), 1713916800);
  EXPECT_EQ(parsed("202404240313"), 1713928380);
  EXPECT_EQ(parsed("20240424031301"), 1713928381);
  EXPECT_EQ(parsed("20240229"), 1709164800);
  for (const char* text :
       {"20230229", "20241301", "20240400", "202404242413", "202404240360", "20240424031361",
        "2024042403", "2024-04-24", "", "2024042a", "-2024042", "1713928381000"}) {
    EXPECT_EQ(parsed(text), -1) << text;
  }
  EXPECT_FALSE(ParseCompactTime("20240424", CompactTime::kMinute));
  EXPECT_FALSE(ParseCompactTime("20240424", CompactTime::kNone));
  EXPECT_EQ(NameOf(CompactTime::kMinute), "YYYYMMDDHHMM");
  EXPECT_EQ(NameOf(CompactTimeOf(14)), "YYYYMMDDHHMMSS");
  EXPECT_EQ(CompactTimeOf(13), CompactTime::kNone);
}

}  // namespace
}  // namespace millrace
