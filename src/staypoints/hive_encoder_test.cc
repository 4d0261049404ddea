#include "staypoints/hive_encoder.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "formats/testing/rows.h"

namespace millrace {
namespace {

// An object in memory.
class TextWriter : public ObjectWriter {
 public:
  explicit TextWriter(std::string& bytes) : bytes_(bytes) {}
  absl::Status Append(std::string_view bytes) override {
    bytes_.append(bytes);
    return absl::OkStatus();
  }
  absl::Status Finish() override {
    finished_ = true;
    return absl::OkStatus();
  }
  bool finished() const { return finished_; }

 private:
  std::string& bytes_;
  bool finished_ = false;
};

struct Stay {
  std::string user;
  int64_t enter = 0;
  int64_t exit = 0;
  double lat = 0;
  double lng = 0;
};

// The staypoints as blocks of at most `block_size`.
std::vector<StaypointBlock> Blocks(const std::vector<Stay>& stays, size_t block_size) {
  std::vector<StaypointBlock> blocks;
  std::string user;
  for (const Stay& stay : stays) {
    const bool begins_user = blocks.empty() || stay.user != user;
    if (blocks.empty() || blocks.back().staypoints() == block_size) {
      blocks.emplace_back();
      blocks.back().p1 = stay.user.substr(0, 2);
      blocks.back().p2 = stay.user.substr(2, 2);
      blocks.back().continues_user = !begins_user;
    }
    StaypointBlock& block = blocks.back();
    if (begins_user || block.users.empty()) {
      block.ids.Append(stay.user);
      block.users.push_back({block.ids.size(), 0});
    }
    user = stay.user;
    block.enter.push_back(stay.enter);
    block.exit.push_back(stay.exit);
    block.lat.push_back(stay.lat);
    block.lng.push_back(stay.lng);
    block.users.back().end = block.staypoints();
  }
  return blocks;
}

class HiveEncoderTest : public testing::Test {
 protected:
  std::string Encode(const std::vector<Stay>& stays, size_t block_size, size_t memory = 1 << 20) {
    HiveEncoder encoder(scratch_, memory);
    std::string bytes;
    TextWriter writer(bytes);
    const std::vector<StaypointBlock> blocks = Blocks(stays, block_size);
    encoder.Begin(blocks.front(), writer);
    for (const StaypointBlock& block : blocks) EXPECT_TRUE(encoder.Append(block).ok());
    EXPECT_TRUE(encoder.Finish().ok());
    EXPECT_TRUE(writer.finished());
    return bytes;
  }

  ScratchFile scratch_{std::filesystem::temp_directory_path()};
};

TEST_F(HiveEncoderTest, OurReaderReadsIt) {
  const std::vector<Stay> stays = {{"abcd1", 0, 1'000'000, 1.5, -2},
                                   {"abcd1", 2'000'000, -1, kNullCoordinate, 4},
                                   {"abcd2", kNullTime, 5, 6, kNullCoordinate}};
  const ReadResult result = ReadRows(Encode(stays, 100));
  EXPECT_TRUE(result.status.ok()) << result.status;
  EXPECT_EQ(result.rows,
            (std::vector<std::string>{
                R"(user_id="abcd1" staypoints=[{"enter_time":"1970-01-01T00:00:00",)"
                R"("exit_time":"1970-01-01T00:00:01","lat":1.5,"lng":-2},)"
                R"({"enter_time":"1970-01-01T00:00:02","exit_time":"1969-12-31T23:59:59.999999",)"
                R"("lng":4}] p1="ab" p2="cd")",
                R"(user_id="abcd2" staypoints=[{"exit_time":"1970-01-01T00:00:00.000005",)"
                R"("lat":6}] p1="ab" p2="cd")"}));
}

TEST_F(HiveEncoderTest, BlocksAndMemoryDoNotChangeTheOutput) {
  // More than one row group, users that span pages, and some nulls.
  std::vector<Stay> stays;
  for (int64_t i = 0; i < 1'300'000; ++i) {
    const int64_t user = i < 200'000 ? 0 : i / 40;
    stays.push_back({StrCat("abcd", 1'000'000 + user), i % 1000 == 7 ? kNullTime : i, i + 5,
                     i % 777 == 1 ? kNullCoordinate : static_cast<double>(i % 90), 3.25});
  }
  const std::string whole = Encode(stays, stays.size(), 64 << 20);
  EXPECT_EQ(Encode(stays, 32 * 1024), whole);
  EXPECT_EQ(scratch_.bytes_written() > 0, true);
  EXPECT_TRUE(Encode(stays, 1'001, 1) == whole);
  const ReadResult result = ReadRows(whole);
  EXPECT_TRUE(result.status.ok()) << result.status;
  EXPECT_EQ(result.rows.size(), 27'501u);  // the first one, and 1,100,000 / 40
}

}  // namespace
}  // namespace millrace
