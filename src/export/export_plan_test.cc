#include "export/export_plan.h"

#include <gmock/gmock.h>

#include "base/strings.h"
#include "pipeline/testing/memory_ledger.h"

namespace millrace {
namespace {

class ExportPlanTest : public testing::Test {
 protected:
  ExportPlanTest() {
    request_.project_id = "7";
    request_.rows_per_query = 100;
    request_.windows.since = kSince;
    request_.windows.until = kSince + 10;
  }

  void Know(int day, uint64_t rows, bool closed, const std::string& destination = "lake") {
    const LedgerKey key = {StrCat("mixpanel:7/events/", absl::FormatCivilTime(kSince + day)),
                           "window", "export", destination};
    auto claim = ledger_.ClaimObject({.key = key, .owner = "me", .lease = absl::Hours(1)}, {});
    ASSERT_TRUE(claim.ok());
    claim->entry.position.row = rows;
    if (closed) claim->entry.state = LedgerState::kDone;
    ASSERT_TRUE(ledger_.Store(claim->entry, absl::Hours(1), {}).ok());
  }
  ExportPlan Plan(const absl::flat_hash_set<std::string>& destinations = {"lake"}) {
    return *PlanExport(request_, destinations, ledger_, clock_.Now(), {});
  }

  const absl::CivilDay kSince{2026, 10, 1};
  FakeClock clock_{absl::FromCivil(absl::CivilDay(2026, 12, 1), absl::UTCTimeZone())};
  MemoryLedger ledger_{clock_};
  ExportRequest request_;
};

TEST_F(ExportPlanTest, WithoutEarlierRunsADayMayBeSmallOrLarge) {
  const ExportPlan plan = Plan();
  EXPECT_EQ(plan.windows, 10);
  EXPECT_EQ(plan.queries_min, 1);
  EXPECT_EQ(plan.queries_max, 10);
}

TEST_F(ExportPlanTest, UsesWhatTheLedgerKnows) {
  for (int day = 0; day < 4; ++day) Know(day, 50, /*closed=*/day < 2);
  Know(4, 1000, false);
  const ExportPlan plan = Plan();
  EXPECT_EQ(plan.windows, 8);
  EXPECT_EQ(plan.windows_skipped, 2);
  EXPECT_EQ(plan.windows_known, 3);
  EXPECT_EQ(plan.rows_known, 1100);
  EXPECT_EQ(plan.queries_min, 1 + 10 + 1);
  EXPECT_EQ(plan.queries_max, 1 + 10 + 5);
}

TEST_F(ExportPlanTest, AWindowIsSkippedIfItIsClosedAtEveryDestination) {
  Know(0, 50, true);
  Know(1, 50, true);
  Know(1, 50, true, "other");
  EXPECT_EQ(Plan({"lake", "other"}).windows_skipped, 1);
}

TEST_F(ExportPlanTest, WaitsForTheHourlyLimit) {
  EXPECT_EQ(ExportPlan::WaitOf(60, 60), absl::ZeroDuration());
  EXPECT_EQ(ExportPlan::WaitOf(61, 60), absl::Hours(1));
  EXPECT_EQ(ExportPlan::WaitOf(365, 60), absl::Hours(6));
  EXPECT_EQ(ExportPlan::WaitOf(365, 0), absl::ZeroDuration());
}

}  // namespace
}  // namespace millrace
