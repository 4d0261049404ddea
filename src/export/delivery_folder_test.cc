#include "export/delivery_folder.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "io/temp_folder.h"

namespace millrace {
namespace {

class DeliveryFolderTest : public testing::Test {
 protected:
  DeliveryFolder Open() { return *DeliveryFolder::Open(path_); }

  // Adds rows "0", "1", ... as those of the window.
  PendingWindow Add(DeliveryFolder& folder, int rows, bool closes = false) {
    return AddAs(folder, rows, &DeliveryFolder::Add, closes);
  }

  using Method = absl::StatusOr<PendingWindow> (DeliveryFolder::*)(const std::string&,
                                                                   const WindowFile&, RowHashes&,
                                                                   bool);
  PendingWindow AddAs(DeliveryFolder& folder, int rows, Method method, bool closes = false) {
    const std::string path = temp_->path() + "/fetched";
    ZstdEncoder encoder(1);
    ScratchFile scratch(temp_->path());
    RowHashes hashes(scratch);
    auto writer = *WindowFileWriter::Create(path, encoder);
    for (int i = 0; i < rows; ++i) {
      EXPECT_TRUE(writer->Append(std::to_string(i)).ok());
      EXPECT_TRUE(hashes.Add({.hash = HashBytes(std::to_string(i)), .row = hashes.rows()}).ok());
    }
    const WindowFile file = *writer->Finish();
    const absl::StatusOr<PendingWindow> added = (folder.*method)("day", file, hashes, closes);
    EXPECT_TRUE(added.ok()) << added.status();
    std::filesystem::remove(path);
    return *added;
  }

  const std::unique_ptr<TempFolder> temp_ = *TempFolder::Make(testing::TempDir(), "folder");
  const std::string path_ = temp_->path() + "/1-events-abc";
};

TEST_F(DeliveryFolderTest, KeepsNewRowsUntilTheyAreDelivered) {
  DeliveryFolder folder = Open();
  const PendingWindow added = Add(folder, 3, /*closes=*/true);
  EXPECT_EQ(added.rows, 3);
  EXPECT_EQ(added.delivered, 3);
  DeliveryFolder again = Open();
  ASSERT_EQ(again.pending().size(), 1);
  EXPECT_EQ(again.pending()[0].name, "day");
  EXPECT_EQ(again.pending()[0].version, added.version);
  EXPECT_EQ(again.pending()[0].rows, 3);
  EXPECT_TRUE(again.pending()[0].closes);
  EXPECT_TRUE(std::filesystem::exists(again.RowsPath("day")));
  EXPECT_EQ(*again.Delivered("day"), 0);
  EXPECT_TRUE(again.Complete("day").ok());
  EXPECT_EQ(*again.Delivered("day"), 3);
  EXPECT_FALSE(std::filesystem::exists(again.RowsPath("day")));
  EXPECT_TRUE(Open().pending().empty());
}

TEST_F(DeliveryFolderTest, KeepsOnlyWhatIsNew) {
  DeliveryFolder folder = Open();
  const std::string first = Add(folder, 3).version;
  ASSERT_TRUE(folder.Complete("day").ok());
  EXPECT_EQ(Add(folder, 3).rows, 0);
  EXPECT_TRUE(folder.pending().empty());
  const PendingWindow late = Add(folder, 5);
  EXPECT_EQ(late.rows, 2);
  EXPECT_EQ(late.delivered, 5);
  EXPECT_NE(late.version, first);
}

TEST_F(DeliveryFolderTest, WhatIsMissingIsDeliveredAgainAsAnotherObject) {
  DeliveryFolder folder = Open();
  const std::string first = Add(folder, 3).version;
  ASSERT_TRUE(folder.Complete("day").ok());
  const auto missing = AddAs(folder, 3, &DeliveryFolder::AddMissing);
  EXPECT_EQ(missing.rows, 3);
  EXPECT_EQ(missing.delivered, 3);
  EXPECT_NE(missing.version, first);
  EXPECT_FALSE(Open().pending()[0].replaces);
  ASSERT_TRUE(folder.Complete("day").ok());
  EXPECT_EQ(Add(folder, 3).rows, 0);
}

TEST_F(DeliveryFolderTest, AReplacementHasAllRowsAndIsAllThatIsDeliveredThen) {
  DeliveryFolder folder = Open();
  Add(folder, 5);
  ASSERT_TRUE(folder.Complete("day").ok());
  const auto replacement = AddAs(folder, 3, &DeliveryFolder::AddReplacement);
  EXPECT_EQ(replacement.rows, 3);
  EXPECT_EQ(replacement.delivered, 3);
  DeliveryFolder again = Open();
  EXPECT_TRUE(again.pending()[0].replaces);
  EXPECT_EQ(again.pending()[0].version, replacement.version);
  ASSERT_TRUE(again.Complete("day").ok());
  EXPECT_EQ(Add(again, 5).rows, 2);
}

TEST_F(DeliveryFolderTest, RemovesWhatWasNotFinished) {
  DeliveryFolder folder = Open();
  Add(folder, 3);
  ASSERT_TRUE(folder.Complete("day").ok());
  Add(folder, 4);
  std::filesystem::remove(path_ + "/day.pending");  // as if the process was killed before it
  EXPECT_TRUE(Open().pending().empty());
  EXPECT_FALSE(std::filesystem::exists(path_ + "/day.next"));
  EXPECT_FALSE(std::filesystem::exists(path_ + "/day.ndjson.zst"));
  EXPECT_EQ(*Open().Delivered("day"), 3);
}

TEST_F(DeliveryFolderTest, CompletingIsFinishedByWhoComesNext) {
  DeliveryFolder folder = Open();
  Add(folder, 3);
  std::filesystem::rename(path_ + "/day.next", path_ + "/day.delivered");  // and then it was killed
  DeliveryFolder again = Open();
  ASSERT_EQ(again.pending().size(), 1);
  EXPECT_TRUE(again.Complete("day").ok());
  EXPECT_EQ(*again.Delivered("day"), 3);
  EXPECT_TRUE(Open().pending().empty());
}

TEST_F(DeliveryFolderTest, ADamagedDescriptionIsAnError) {
  DeliveryFolder folder = Open();
  Add(folder, 3);
  std::ofstream(path_ + "/day.pending") << "{\"rows\": 3";
  EXPECT_TRUE(absl::IsDataLoss(DeliveryFolder::Open(path_).status()));
}

}  // namespace
}  // namespace millrace
