#include "reconcile/fingerprint_spill.h"

#include <filesystem>

#include "base/strings.h"

namespace millrace {
namespace {

class FingerprintSpillTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = StrCat(testing::TempDir(), "/fingerprint_spill_test.", getpid());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static std::vector<uint64_t> RowsOf(FingerprintSpill& spill, int64_t key) {
    std::vector<uint64_t> rows;
    EXPECT_TRUE(spill.ForEach(key, [&](const Fingerprint& f) { rows.push_back(f.row); }).ok());
    return rows;
  }

  std::string folder_;
};

TEST_F(FingerprintSpillTest, ReturnsWhatWasAddedUnderEachKey) {
  FingerprintSpill spill(folder_, 5 * sizeof(Fingerprint));
  for (uint64_t i = 0; i < 32; ++i) {
    ASSERT_TRUE(spill.Add(static_cast<int64_t>(i % 3) - 1, {.row = i}).ok());
  }
  EXPECT_THAT(spill.counts(), testing::ElementsAre(testing::Pair(-1, 11), testing::Pair(0, 11),
                                                   testing::Pair(1, 10)));
  EXPECT_THAT(RowsOf(spill, 1), testing::ElementsAre(2, 5, 8, 11, 14, 17, 20, 23, 26, 29));
  ASSERT_TRUE(spill.Add(1, {.row = 99}).ok());
  EXPECT_EQ(RowsOf(spill, 1).back(), 99u);
  EXPECT_THAT(RowsOf(spill, 7), testing::IsEmpty());
}

TEST_F(FingerprintSpillTest, ClearRemovesTheFiles) {
  FingerprintSpill spill(folder_, sizeof(Fingerprint));
  ASSERT_TRUE(spill.Add(1, {.row = 1}).ok());
  EXPECT_FALSE(std::filesystem::is_empty(folder_));
  ASSERT_TRUE(spill.Clear().ok());
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
  EXPECT_THAT(RowsOf(spill, 1), testing::IsEmpty());
  ASSERT_TRUE(spill.Add(1, {.row = 2}).ok());
  EXPECT_THAT(RowsOf(spill, 1), testing::ElementsAre(2));
}

TEST_F(FingerprintSpillTest, ATruncatedFileIsAnError) {
  FingerprintSpill spill(folder_, sizeof(Fingerprint));
  ASSERT_TRUE(spill.Add(1, {.row = 1}).ok());
  std::filesystem::resize_file(folder_ + "/1", 3);
  EXPECT_TRUE(absl::IsDataLoss(spill.ForEach(1, [](const Fingerprint&) {})));
}

TEST_F(FingerprintSpillTest, AMissingFolderIsAnError) {
  FingerprintSpill spill(folder_ + "/none", sizeof(Fingerprint));
  EXPECT_TRUE(absl::IsNotFound(spill.Add(1, {.row = 1})));
}

}  // namespace
}  // namespace millrace
