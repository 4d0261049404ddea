// Comparisons with a destination that keeps repeats and has a cursor.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconcile/reconcile.h"
#include "reconcile/testing/reconcile_fixture.h"
#include "reconcile/testing/warehouse_reader.h"

namespace millrace {
namespace {

using testing::SizeIs;

class WarehouseReconcileTest : public ReconcileTest {
 protected:
  void SetUp() override {
    ReconcileTest::SetUp();
    warehouse_.KeepCursor();
    destination_.emplace([this] { return warehouse_.NewSink(); }, "warehouse");
    destination_->delivery_cursor = warehouse_.cursor();
    request_.destination = &*destination_;
    request_.wait_after_repair = absl::ZeroDuration();
    auto reader = std::make_unique<WarehouseReader>([this] { return warehouse_.Arrived(); });
    table_ = reader.get();
    reader_ = std::move(reader);
  }

  // Rows of the table, without what was removed.
  int RowsThere() const {
    int rows = 0;
    for (const auto& [line, times] : warehouse_.Arrived()) rows += times;
    for (const auto& [line, times] : table_->removed) rows -= times;
    return rows;
  }
  void RemoveFirst(int events) {
    for (const auto& [line, times] : warehouse_.Arrived()) {
      if (events-- > 0) table_->removed[line] = times;
    }
  }

  FakeDestination warehouse_;
  WarehouseReader* table_ = nullptr;
};

TEST_F(WarehouseReconcileTest, DuplicatesAreNotClean) {
  WriteFile("a.ndjson", 0, 10);
  Import();
  EXPECT_TRUE(Reconcile().clean(false));
  table_->added_copies = 2;
  const ReconcileReport report = Reconcile();
  EXPECT_EQ(report.counts.found, 10u);
  EXPECT_EQ(report.counts.duplicates, 2u);
  EXPECT_THAT(report.duplicate_events, SizeIs(1));
  EXPECT_FALSE(report.clean(true));
}

TEST_F(WarehouseReconcileTest, RepairSendsEachMissingEventOnceAlthoughAResponseIsLost) {
  WriteFile("a.ndjson", 0, 100);
  Import();
  RemoveFirst(7);
  warehouse_.set_script(
      [](uint64_t n) { return n == 1 ? FakeWrite::kResponseLost : FakeWrite::kDurable; });
  request_.repair = true;
  const ReconcileReport report = Reconcile();
  ASSERT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.repaired, 7u);
  EXPECT_EQ(report.counts.duplicates, 0u);
  EXPECT_TRUE(report.clean(false));
  EXPECT_EQ(RowsThere(), 100);
}

TEST_F(WarehouseReconcileTest, ARepairThatFailedIsRepeatedWithoutDuplicates) {
  WriteFile("a.ndjson", 0, 100);
  Import();
  RemoveFirst(7);
  warehouse_.set_script(
      [](uint64_t n) { return n == 1 ? FakeWrite::kResponseLost : FakeWrite::kStop; });
  request_.repair = true;
  EXPECT_FALSE(Reconcile().status.ok());
  warehouse_.set_script([](uint64_t) { return FakeWrite::kDurable; });
  const ReconcileReport report = Reconcile();
  ASSERT_TRUE(report.status.ok()) << report.status;
  EXPECT_TRUE(report.clean(false));
  EXPECT_EQ(RowsThere(), 100);
}

TEST_F(WarehouseReconcileTest, WhatWasRepairedCanBeLostAndRepairedAgain) {
  WriteFile("a.ndjson", 0, 10);
  Import();
  RemoveFirst(1);
  request_.repair = true;
  EXPECT_EQ(Reconcile().repaired, 1u);
  for (auto& [line, times] : table_->removed) times = 2;
  EXPECT_EQ(Reconcile().repaired, 1u);
  EXPECT_EQ(RowsThere(), 10);
}

}  // namespace
}  // namespace millrace
