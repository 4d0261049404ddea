#include "connectors/redshift/data_api_pace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <string>
#include <utility>
#include <vector>

namespace millrace::redshift {
namespace {

TEST(DataApiPace, ASecondIsBelowTheQuotas) {
  for (const auto& [operation, quota] :
       std::vector<std::pair<std::string, size_t>>{{"ExecuteStatement", 30},
                                                   {"BatchExecuteStatement", 20},
                                                   {"DescribeStatement", 100},
                                                   {"GetStatementResult", 20}}) {
    FakeClock clock;
    DataApiPace pace(clock);
    std::deque<absl::Duration> recent;
    size_t most = 0;
    for (int i = 0; i < 2000; ++i) {  // as fast as it lets: SleepFor() moves the clock
      ASSERT_TRUE(pace.Of(operation).Acquire({}));
      recent.push_back(clock.Elapsed());
      while (recent.front() <= clock.Elapsed() - absl::Seconds(1)) recent.pop_front();
      most = std::max(most, recent.size());
    }
    EXPECT_LE(most, quota) << operation;
    EXPECT_GE(most, quota * 8 / 10) << operation;
  }
}

TEST(DataApiPace, OperationsHaveQuotasOfTheirOwn) {
  FakeClock clock;
  DataApiPace pace(clock);
  pace.Of("GetStatementResult").QuotaExceeded();
  ASSERT_TRUE(pace.Of("BatchExecuteStatement").Acquire({}));
  EXPECT_EQ(clock.Elapsed(), FakeClock().Elapsed());
  ASSERT_TRUE(pace.Of("GetStatementResult").Acquire({}));
  EXPECT_EQ(clock.Elapsed() - FakeClock().Elapsed(), absl::Seconds(1));
}

}  // namespace
}  // namespace millrace::redshift
