// The search for refused rows, against a server that is a function.
#include "connectors/postgres/copy_plan.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "base/strings.h"

namespace millrace::postgres {
namespace {

class CopyPlanTest : public testing::Test {
 protected:
  // A batch with this many events for each source row of one object.
  void Encode(const std::vector<size_t>& events) {
    Batch batch;
    for (size_t row = 0; row < events.size(); ++row) {
      for (size_t i = 0; i < events[row]; ++i) {
        batch.bytes.Append("{}");
        batch.EndRow(row);
      }
    }
    const BatchSpan span{
        .object = &key_, .writer = &key_.object, .rows = batch.rows(), .end_row = events.size()};
    encoded_.Encode(batch, {&span, 1}, absl::UnixEpoch());
  }

  // Copies until nothing is left; `bad` rows are refused, and named if `names`.
  void Run(const std::set<size_t>& bad, bool names) {
    CopyPlan plan(encoded_, {{0, encoded_.rows()}});
    statements_ = 0;
    copied_.clear();
    while (const auto next = plan.Next()) {
      ASSERT_LT(++statements_, 100'000);
      const auto first = bad.lower_bound(next->begin);
      const bool is_bad = first != bad.end() && *first < next->end;
      if (!is_bad) {
        for (size_t row = next->begin; row < next->end; ++row) copied_.insert(row);
        plan.Copied();
      } else if (names) {
        plan.RefuseRow(encoded_.RowOfLine(*next, *first - next->begin), {.message = "bad"});
      } else {
        plan.Refuse({.message = "bad"});
      }
    }
    refused_.clear();
    for (const RefusedRow& row : plan.TakeRefused()) refused_.push_back(row.row);
  }

  const LedgerKey key_{"o", "v", "c", "d"};
  const TableSpec spec_ = *TableSpec::Parse("postgres://h/d?form=raw&table=events");
  const TargetTable table_{spec_, *TableForm::Make(RecordType::kEvent, {})};
  CopyBatch encoded_{table_};
  int statements_ = 0;
  std::multiset<size_t> copied_;
  std::vector<size_t> refused_;
};

TEST_F(CopyPlanTest, BadRowsAreFoundWhereverTheyAre) {
  Encode(std::vector<size_t>(100, 1));
  for (const bool names : {true, false}) {
    for (const std::set<size_t>& bad : std::initializer_list<std::set<size_t>>{
             {}, {0}, {99}, {50}, {0, 1, 2}, {97, 98, 99}, {10, 50, 90}}) {
      Run(bad, names);
      EXPECT_EQ(refused_, std::vector<size_t>(bad.begin(), bad.end()));
      EXPECT_EQ(copied_.size(), 100 - bad.size());
      EXPECT_EQ(std::set<size_t>(copied_.begin(), copied_.end()).size(), copied_.size());
    }
  }
}

TEST_F(CopyPlanTest, ANamedRowCostsThreeStatementsAtMost) {
  Encode(std::vector<size_t>(10'000, 1));
  std::set<size_t> bad;
  for (size_t row = 500; row < 10'000; row += 1000) bad.insert(row);
  Run(bad, /*names=*/true);
  EXPECT_EQ(refused_.size(), 10u);
  EXPECT_LE(statements_, 30);
  Run(bad, /*names=*/false);
  EXPECT_EQ(refused_.size(), 10u);
  EXPECT_LE(statements_, 300);
}

TEST_F(CopyPlanTest, EventsOfASourceRowAreRefusedTogether) {
  Encode({1, 3, 1, 2});
  for (const bool names : {true, false}) {
    for (const size_t bad : {1, 2, 3}) {
      Run({bad}, names);
      EXPECT_EQ(refused_, (std::vector<size_t>{1, 2, 3}));
      EXPECT_EQ(copied_, (std::multiset<size_t>{0, 4, 5, 6}));
    }
    Run({0, 6}, names);
    EXPECT_EQ(refused_, (std::vector<size_t>{0, 5, 6}));
  }
}

TEST_F(CopyPlanTest, ProbesAreSpread) {
  Encode(std::vector<size_t>(1000, 1));
  const CopyPlan plan(encoded_, {{0, 1000}});
  const std::vector<RowRange> probes = plan.Probes();
  ASSERT_EQ(probes.size(), CopyPlan::kProbes);
  EXPECT_EQ(probes.front(), (RowRange{0, 1}));
  EXPECT_GT(probes.back().begin, 900u);
  Encode({1, 2});
  EXPECT_EQ(CopyPlan(encoded_, {{0, 3}}).Probes(), (std::vector<RowRange>{{0, 1}, {1, 3}}));
}

}  // namespace
}  // namespace millrace::postgres
