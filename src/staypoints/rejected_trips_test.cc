#include "staypoints/rejected_trips.h"

#include <gtest/gtest.h>

#include "pipeline/testing/memory_dead_letter_queue.h"

namespace millrace {
namespace {

TripFile File(const std::string& uri) { return {.object = {.uri = uri, .version = "1"}}; }

Rejection Row(uint64_t row, const std::string& message) {
  return {.source_row = row, .code = "invalid_value", .message = message};
}

TEST(RejectedTripsTest, ReportsTheFirstFileAndRowWhicheverThreadWasFirst) {
  MemoryDeadLetterQueue dead_letter;
  RejectedTrips rejected(dead_letter, "out");
  EXPECT_EQ(rejected.first(), "");
  ASSERT_TRUE(rejected.Add(File("b.csv"), {Row(0, "in b")}).ok());
  EXPECT_EQ(rejected.first(), "b.csv: row 1: in b");
  ASSERT_TRUE(rejected.Add(File("a.csv"), {Row(900, "late"), Row(901, "later")}).ok());
  ASSERT_TRUE(rejected.Add(File("a.csv"), {Row(8, "early"), Row(9, "next")}).ok());
  ASSERT_TRUE(rejected.Add(File("a.csv"), {Row(700, "in between")}).ok());
  ASSERT_TRUE(rejected.Add(File("a.csv"), {}).ok());
  EXPECT_EQ(rejected.first(), "a.csv: row 9: early");
  EXPECT_EQ(rejected.count(), 6u);
}

}  // namespace
}  // namespace millrace
