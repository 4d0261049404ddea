#include "export/delivered_rows.h"

#include <gmock/gmock.h>

#include <fstream>

#include "io/temp_folder.h"

namespace millrace {
namespace {

using testing::ElementsAre;

class DeliveredRowsTest : public testing::Test {
 protected:
  struct Row {
    uint64_t id;
    bool counts_each = false;
  };

  // Merges rows whose hashes are numbered ids, as one more read of the window.
  NewRows Merge(const std::vector<Row>& rows) {
    ScratchFile file(folder_->path());
    RowHashes hashes(file);
    for (const Row& row : rows) {
      EXPECT_TRUE(hashes
                      .Add({.hash = HashBytes(std::to_string(row.id)),
                            .row = hashes.rows(),
                            .counts_each = row.counts_each})
                      .ok());
    }
    absl::StatusOr<NewRows> merged = MergeDelivered(path_, hashes, path_ + ".next");
    EXPECT_TRUE(merged.ok()) << merged.status();
    if (!merged.ok()) return {};
    std::rename((path_ + ".next").c_str(), path_.c_str());
    return *merged;
  }

  const std::unique_ptr<TempFolder> folder_ = *TempFolder::Make(testing::TempDir(), "delivered");
  const std::string path_ = folder_->path() + "/day.delivered";
};

TEST_F(DeliveredRowsTest, OnlyRowsThatAreNotInTheFileAreNew) {
  EXPECT_THAT(Merge({{1}, {2}}).is_new, ElementsAre(true, true));
  const NewRows second = Merge({{3}, {2}, {1}, {4}});
  EXPECT_THAT(second.is_new, ElementsAre(true, false, false, true));
  EXPECT_EQ(second.count, 2);
  EXPECT_EQ(second.delivered, 4);
  EXPECT_EQ(*CountDelivered(path_), 4);
}

TEST_F(DeliveredRowsTest, TheFirstOfSeveralRepeatsIsNew) {
  EXPECT_THAT(Merge({{1}, {2}, {1}, {1}}).is_new, ElementsAre(true, true, false, false));
  EXPECT_THAT(Merge({{1}, {1}}).is_new, ElementsAre(false, false));
}

TEST_F(DeliveredRowsTest, RowsThatCountEachAreNewAsOftenAsThereAreMore) {
  EXPECT_THAT(Merge({{1, true}, {1, true}}).is_new, ElementsAre(true, true));
  EXPECT_THAT(Merge({{1, true}, {1, true}, {1, true}}).is_new, ElementsAre(false, false, true));
  EXPECT_EQ(Merge({{1, true}}).count, 0);
  EXPECT_EQ(*CountDelivered(path_), 3);
}

TEST_F(DeliveredRowsTest, RowsThatAreGoneStayDelivered) {
  Merge({{1}, {2}, {3}});
  EXPECT_EQ(Merge({}).delivered, 3);
  EXPECT_EQ(Merge({{2}}).count, 0);
}

TEST_F(DeliveredRowsTest, ManyRowsAreMergedInParts) {
  constexpr uint64_t kRows = 200'000;  // several times what is buffered
  std::vector<Row> rows(kRows);
  for (uint64_t i = 0; i < kRows; ++i) rows[i].id = i;
  EXPECT_EQ(Merge(rows).count, kRows);
  for (Row& row : rows) row.id += kRows / 2;
  const NewRows second = Merge(rows);
  EXPECT_EQ(second.count, kRows / 2);
  EXPECT_FALSE(second.is_new[kRows / 2 - 1]);
  EXPECT_TRUE(second.is_new[kRows / 2]);
  EXPECT_EQ(second.delivered, kRows * 3 / 2);
}

TEST_F(DeliveredRowsTest, DamagedFilesAreErrors) {
  const auto merge = [&] {
    ScratchFile file(folder_->path());
    RowHashes none(file);
    return MergeDelivered(path_, none, path_ + ".next").status();
  };
  std::ofstream(path_) << "15 bytes ......";
  EXPECT_TRUE(absl::IsDataLoss(merge()));
  std::ofstream(path_) << "bbbbbbbbbbbbbbbbaaaaaaaaaaaaaaaa";
  EXPECT_TRUE(absl::IsDataLoss(merge()));
}

}  // namespace
}  // namespace millrace
