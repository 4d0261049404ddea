// Comparisons with a staged destination, and repairs of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconcile/reconcile.h"
#include "reconcile/testing/reconcile_fixture.h"
#include "reconcile/testing/warehouse_reader.h"

namespace millrace {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

// A lake: what is staged is not there until it is committed.
class LakeReconcileTest : public ReconcileTest {
 protected:
  void SetUp() override {
    ReconcileTest::SetUp();
    destination_.emplace(nullptr, "lake");
    BeginProcess();
    request_.destination = &*destination_;
    request_.repair = true;
    request_.wait_after_repair = absl::ZeroDuration();
    auto reader = std::make_unique<WarehouseReader>([this] { return lake_.Visible(); });
    table_ = reader.get();
    reader_ = std::move(reader);
  }

  // The one before is dead from now on.
  void BeginProcess() {
    staging_ = lake_.NewStaging();
    destination_->staged = staging_.get();
  }
  void RemoveFirst(int events) {
    for (const auto& [line, times] : lake_.Visible()) {
      if (events-- > 0) table_->removed[line] = times;
    }
  }
  int RowsThere() const {
    int rows = 0;
    for (const auto& [line, times] : lake_.Visible()) rows += times;
    for (const auto& [line, times] : table_->removed) rows -= times;
    return rows;
  }

  FakeStagedDestination lake_;
  std::unique_ptr<Staging> staging_;
  WarehouseReader* table_ = nullptr;
};

TEST_F(LakeReconcileTest, ARepairCommitsTheMissingRows) {
  WriteFile("a.ndjson", 0, 60);
  WriteFile("b.ndjson", 60, 100);
  Import();
  EXPECT_TRUE(Reconcile().clean(false));
  RemoveFirst(70);
  const uint64_t commits = lake_.Commits();
  const ReconcileReport report = Reconcile();
  ASSERT_TRUE(report.status.ok()) << report.status;
  EXPECT_TRUE(report.clean(false));
  EXPECT_EQ(report.repaired, 70u);
  EXPECT_EQ(RowsThere(), 100);
  EXPECT_EQ(lake_.Commits(), commits + 1);
}

// In each moment of a commit.
TEST_F(LakeReconcileTest, ARepairThatDiedIsRepeatedWithoutDuplicates) {
  WriteFile("a.ndjson", 0, 60);
  WriteFile("b.ndjson", 60, 100);
  Import();
  RemoveFirst(80);
  request_.import.run.join_rows = 1;  // so that several workers may stage
  request_.import.run.retry.give_up_after = absl::Seconds(1);
  for (const FakeCommit moment :
       {FakeCommit::kNoAnswer, FakeCommit::kPartly, FakeCommit::kResponseLost}) {
    lake_.set_commit_script([moment, is_first = true](uint64_t) mutable {
      return std::exchange(is_first, false) ? moment : FakeCommit::kStop;
    });
    EXPECT_FALSE(Reconcile().status.ok());
    EXPECT_EQ(RowsThere() == 100, moment == FakeCommit::kResponseLost);
    BeginProcess();
    lake_.set_commit_script([](uint64_t) { return FakeCommit::kDone; });
    const ReconcileReport report = Reconcile();
    ASSERT_TRUE(report.status.ok()) << report.status;
    EXPECT_TRUE(report.clean(false));
    EXPECT_EQ(RowsThere(), 100);
    EXPECT_THAT(lake_.Parts(), IsEmpty());
    for (auto& [line, times] : table_->removed) times = lake_.Visible()[line];
  }
}

TEST_F(LakeReconcileTest, ARepairKeepsWhatAnOpenCommitOfAnImportNeeds) {
  WriteFile("a.ndjson", 0, 10);
  Import();
  RemoveFirst(1);
  // An import announces a commit and dies.
  Batch batch;
  batch.bytes.Append("{}");
  batch.EndRow(0);
  const auto sink = staging_->NewSink();
  const LedgerKey key{"other", "v", "c", destination_->LedgerName(RecordType::kEvent)};
  const std::string writer = "w";
  const BatchSpan span{.object = &key, .writer = &writer, .rows = 1, .end_row = 1};
  ASSERT_TRUE(sink->Stage(batch, {&span, 1}, {}).durable());
  Intent intent{.id = std::string(32, 'a'), .destination = key.destination, .owner = "o"};
  intent.parts = *sink->Seal(intent.id, {});
  const auto claim = ledger_.ClaimObject({key, "o", 0, absl::Hours(1)}, {});
  ASSERT_TRUE(claim.ok()) << claim.status();
  intent.spans = {{.object = key, .revision = claim->entry.revision, .after = {.row = 1}}};
  ASSERT_TRUE(ledger_.intents().Announce(intent, absl::Hours(1), {}).ok());
  BeginProcess();
  EXPECT_EQ(Reconcile().repaired, 1u);
  EXPECT_EQ(lake_.Parts(), intent.parts);
}

TEST_F(LakeReconcileTest, ARepairWhosePartsVanishSaysSo) {
  WriteFile("a.ndjson", 0, 10);
  Import();
  RemoveFirst(1);
  lake_.set_commit_script([](uint64_t) { return FakeCommit::kGone; });
  const ReconcileReport report = Reconcile();
  EXPECT_TRUE(absl::IsAborted(report.status)) << report.status;
  EXPECT_THAT(report.status.ToString(), HasSubstr("removed; run it again"));
}

}  // namespace
}  // namespace millrace
