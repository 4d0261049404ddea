#include "staypoints/text_encoder.h"

#include <gtest/gtest.h>

#include <string>

namespace millrace {
namespace {

StaypointBlock Block(std::string p1, std::string p2) {
  StaypointBlock block;
  block.p1 = std::move(p1);
  block.p2 = std::move(p2);
  return block;
}

void AddUser(StaypointBlock& block, std::string_view id) {
  block.ids.Append(id);
  block.users.push_back({block.ids.size(), block.enter.size()});
}

void AddStay(StaypointBlock& block, int64_t enter, int64_t exit, double lat, double lng) {
  block.enter.push_back(enter);
  block.exit.push_back(exit);
  block.lat.push_back(lat);
  block.lng.push_back(lng);
  block.users.back().end = block.enter.size();
}

std::string Encode(TextStyle style, const StaypointBlock& block) {
  TextEncoder encoder(style);
  ByteBuffer out;
  encoder.Append(block, out);
  encoder.EndLine(out);
  return std::string(out.view());
}

constexpr int64_t kTime = 1'735'727'400'000'000;  // 2025-01-01T10:30:00Z

TEST(TextEncoderTest, WritesTheLinesOfTheDescription) {
  StaypointBlock block = Block("us", "er");
  AddUser(block, "user123");
  AddStay(block, kTime, kTime + 1'800'000'000, 40.7589, -73.9851);
  EXPECT_EQ(Encode(TextStyle::kJson, block),
            "{\"user_id\":\"user123\",\"staypoints\":[{\"enter_time\":\"2025-01-01 10:30:00.000\","
            "\"exit_time\":\"2025-01-01 11:00:00.000\",\"lat\":40.7589,\"lng\":-73.9851}],"
            "\"p1\":\"us\",\"p2\":\"er\"}\n");
  EXPECT_EQ(Encode(TextStyle::kCsv, block),
            "user123,us,er,\"[{\"\"enter_time\"\":\"\"2025-01-01 10:30:00.000\"\","
            "\"\"exit_time\"\":\"\"2025-01-01 11:00:00.000\"\",\"\"lat\"\":40.7589,"
            "\"\"lng\"\":-73.9851}]\"\r\n");
}

TEST(TextEncoderTest, RoundsTimesDownToMilliseconds) {
  StaypointBlock block = Block("us", "er");
  AddUser(block, "user");
  AddStay(block, -1, 1'999, 0, 0);
  AddStay(block, -62'135'596'800'000'000, 253'402'300'799'999'999, 0, 0);
  const std::string line = Encode(TextStyle::kJson, block);
  EXPECT_NE(line.find("1969-12-31 23:59:59.999"), std::string::npos) << line;
  EXPECT_NE(line.find("1970-01-01 00:00:00.001"), std::string::npos) << line;
  EXPECT_NE(line.find("0001-01-01 00:00:00.000"), std::string::npos) << line;
  EXPECT_NE(line.find("9999-12-31 23:59:59.999"), std::string::npos) << line;
}

TEST(TextEncoderTest, NullsAndIdsThatNeedQuotes) {
  StaypointBlock block = Block("a\"", ",b");
  AddUser(block, "a\",b\n");
  AddStay(block, kNullTime, 0, kNullCoordinate, 1e-7);
  EXPECT_EQ(Encode(TextStyle::kJson, block),
            "{\"user_id\":\"a\\\",b\\n\",\"staypoints\":[{\"enter_time\":null,\"exit_time\":"
            "\"1970-01-01 00:00:00.000\",\"lat\":null,\"lng\":1e-07}],\"p1\":\"a\\\"\",\"p2\":"
            "\",b\"}\n");
  EXPECT_EQ(Encode(TextStyle::kCsv, block),
            "\"a\"\",b\n\",\"a\"\"\",\",b\",\"[{\"\"enter_time\"\":null,\"\"exit_time\"\":"
            "\"\"1970-01-01 00:00:00.000\"\",\"\"lat\"\":null,\"\"lng\"\":1e-07}]\"\r\n");
}

TEST(TextEncoderTest, AUserMayContinueInTheNextBlock) {
  StaypointBlock whole = Block("us", "er");
  AddUser(whole, "user1");
  AddStay(whole, 0, 1000, 1, 2);
  AddStay(whole, 2000, 3000, 3, 4);
  AddUser(whole, "user2");
  AddStay(whole, 0, 1000, 5, 6);

  StaypointBlock first = Block("us", "er");
  AddUser(first, "user1");
  AddStay(first, 0, 1000, 1, 2);
  StaypointBlock second = Block("us", "er");
  second.continues_user = true;
  AddUser(second, "user1");
  AddStay(second, 2000, 3000, 3, 4);
  AddUser(second, "user2");
  AddStay(second, 0, 1000, 5, 6);
  TextEncoder encoder(TextStyle::kJson);
  ByteBuffer out;
  encoder.Append(first, out);
  encoder.Append(second, out);
  encoder.EndLine(out);
  EXPECT_EQ(out.view(), Encode(TextStyle::kJson, whole));
}

}  // namespace
}  // namespace millrace
