#include "reconcile/wanted_events.h"

#include <gtest/gtest.h>

#include <memory>

#include "io/temp_folder.h"

namespace millrace {
namespace {

class WantedEventsTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TempFolder::Make(testing::TempDir(), "wanted_events_test");
    ASSERT_TRUE(folder.ok()) << folder.status();
    folder_ = *std::move(folder);
    missing_ = std::make_unique<FingerprintSpill>(*folder_->MakeFolder("missing"), 1000);
    wanted_ = std::make_unique<WantedEvents>(*folder_->MakeFolder("wanted"));
  }

  void Miss(int64_t key, uint64_t row, uint64_t id) {
    ASSERT_TRUE(missing_->Add(key, {.id = {id, id}, .row = row}).ok());
  }

  std::vector<uint64_t> Take(uint64_t begin, uint64_t end) {
    const absl::StatusOr<std::vector<Fingerprint>> events = wanted_->Take(begin, end);
    EXPECT_TRUE(events.ok()) << events.status();
    std::vector<uint64_t> rows;
    for (const Fingerprint& one : *events) rows.push_back(one.row);
    return rows;
  }

  std::unique_ptr<TempFolder> folder_;
  std::unique_ptr<FingerprintSpill> missing_;
  std::unique_ptr<WantedEvents> wanted_;
};

using Rows = std::vector<uint64_t>;

TEST_F(WantedEventsTest, TakesRangesByRow) {
  constexpr uint64_t kFar = 1'000'000;
  for (const uint64_t row : {kFar, uint64_t{3}, uint64_t{70'000}, uint64_t{3}}) Miss(0, row, row);
  ASSERT_TRUE(wanted_->Load(*missing_, 0).ok());
  EXPECT_EQ(wanted_->end_row(), kFar + 1);
  EXPECT_EQ(Take(0, 3), Rows());
  EXPECT_EQ(Take(0, 4), (Rows{3, 3}));
  EXPECT_EQ(Take(4, 70'001), (Rows{70'000})) << "over two buckets";
  EXPECT_EQ(Take(70'001, kFar), Rows());
  EXPECT_EQ(Take(kFar, 2 * kFar), (Rows{kFar}));
}

TEST_F(WantedEventsTest, TheNextObjectReplacesTheFirst) {
  Miss(0, 3, 1);
  Miss(1, 5, 2);
  ASSERT_TRUE(wanted_->Load(*missing_, 0).ok());
  EXPECT_EQ(Take(0, 10), (Rows{3}));
  ASSERT_TRUE(wanted_->Load(*missing_, 1).ok());
  EXPECT_EQ(Take(0, 10), (Rows{5}));
  ASSERT_TRUE(wanted_->Load(*missing_, 2).ok());
  EXPECT_EQ(wanted_->end_row(), 0u);
}

}  // namespace
}  // namespace millrace
