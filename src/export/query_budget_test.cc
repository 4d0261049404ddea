#include "export/query_budget.h"

#include <gmock/gmock.h>

#include "pipeline/testing/memory_ledger.h"

namespace millrace {
namespace {

TEST(QueryBudgetTest, ProcessesShareTheQueriesOfAnHour) {
  FakeClock clock;
  MemoryLedger ledger(clock);
  QueryBudget one(ledger, "7", 5, {}, clock), another(ledger, "7", 5, {}, clock);
  const absl::Duration begin = clock.Elapsed();
  ASSERT_TRUE(one.Take({}).ok());
  clock.Advance(absl::Minutes(10));
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(one.Take({}).ok());
    ASSERT_TRUE(another.Take({}).ok());
  }
  EXPECT_EQ(clock.Elapsed() - begin, absl::Minutes(10));
  ASSERT_TRUE(another.Take({}).ok());
  EXPECT_GE(clock.Elapsed() - begin, absl::Hours(1));
  EXPECT_LT(clock.Elapsed() - begin, absl::Hours(1) + absl::Minutes(1));
  ASSERT_TRUE(one.Take({}).ok());
  EXPECT_GE(clock.Elapsed() - begin, absl::Minutes(70));
}

TEST(QueryBudgetTest, ProjectsHaveTheirOwn) {
  FakeClock clock;
  MemoryLedger ledger(clock);
  const absl::Duration begin = clock.Elapsed();
  for (const char* const project : {"7", "8"}) {
    QueryBudget budget(ledger, project, 1, {}, clock);
    ASSERT_TRUE(budget.Take({}).ok());
  }
  EXPECT_EQ(clock.Elapsed(), begin);
}

TEST(QueryBudgetTest, ZeroIsNoLimitAndWritesNothing) {
  FakeClock clock;
  MemoryLedger ledger(clock);
  QueryBudget budget(ledger, "7", 0, {}, clock);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(budget.Take({}).ok());
  EXPECT_TRUE(ledger.Snapshot().empty());
}

TEST(QueryBudgetTest, AStopEndsTheWait) {
  FakeClock clock;
  MemoryLedger ledger(clock);
  QueryBudget budget(ledger, "7", 1, {}, clock);
  ASSERT_TRUE(budget.Take({}).ok());
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(budget.Take(stop.get_token())));
}

}  // namespace
}  // namespace millrace
