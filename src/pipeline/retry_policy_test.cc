#include "pipeline/retry_policy.h"

#include <gtest/gtest.h>

#include "absl/random/random.h"
#include "pipeline/retrier.h"

namespace millrace {
namespace {

TEST(RetryPolicy, DoublesUpToTheMostPlusJitter) {
  const RetryPolicy policy;
  absl::BitGen random;
  const int seconds[] = {2, 4, 8, 16, 32, 60, 60, 60};
  for (int attempt = 1; attempt <= 8; ++attempt) {
    for (int repeat = 0; repeat < 20; ++repeat) {
      const absl::Duration wait = policy.WaitAfter(attempt, absl::ZeroDuration(), random);
      EXPECT_GE(wait, absl::Seconds(seconds[attempt - 1] + 1));
      EXPECT_LE(wait, absl::Seconds(seconds[attempt - 1] + 5));
    }
  }
  EXPECT_LE(policy.WaitAfter(1'000'000, absl::ZeroDuration(), random), absl::Seconds(65));
}

TEST(RetryPolicy, WaitsAtLeastAsLongAsTheDestinationAsks) {
  const RetryPolicy policy;
  absl::BitGen random;
  EXPECT_GE(policy.WaitAfter(1, absl::Seconds(30), random), absl::Seconds(30));
  EXPECT_LE(policy.WaitAfter(1, absl::Seconds(30), random), absl::Seconds(35));
}

class RetrierTest : public testing::Test {
 protected:
  absl::Status Fail(int attempt, absl::Duration retry_after = absl::ZeroDuration()) {
    return retrier_.WaitToRetry(attempt, absl::UnavailableError("no answer"), retry_after,
                                stop_.get_token());
  }

  const RetryPolicy policy_ = {.initial = absl::Seconds(10),
                               .most = absl::Seconds(10),
                               .least_jitter = absl::ZeroDuration(),
                               .most_jitter = absl::ZeroDuration(),
                               .give_up_after = absl::Seconds(35)};
  FakeClock clock_;
  std::stop_source stop_;
  Retrier retrier_{policy_, clock_};
};

TEST_F(RetrierTest, GivesUpWhenTheNextTryWouldComeTooLate) {
  const absl::Duration begun = clock_.Elapsed();
  for (int attempt = 1; attempt <= 3; ++attempt) EXPECT_TRUE(Fail(attempt).ok());
  EXPECT_EQ(clock_.Elapsed() - begun, absl::Seconds(30));
  const absl::Status status = Fail(4);
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(status.message(), "giving up after 4 tries: no answer");
}

TEST_F(RetrierTest, AnySuccessSetsTheTimeBack) {
  for (int attempt = 1; attempt <= 3; ++attempt) EXPECT_TRUE(Fail(attempt).ok());
  retrier_.Succeeded();
  for (int attempt = 4; attempt <= 6; ++attempt) EXPECT_TRUE(Fail(attempt).ok());
  EXPECT_FALSE(Fail(7).ok());
}

TEST_F(RetrierTest, IdleTimeIsNoFailure) {
  retrier_.Succeeded();
  clock_.Advance(absl::Hours(5));
  EXPECT_TRUE(Fail(1).ok());
}

TEST_F(RetrierTest, AWaitLongerThanThePatienceIsNotBegun) {
  EXPECT_TRUE(absl::IsUnavailable(Fail(1, absl::Hours(1))));
}

TEST_F(RetrierTest, AStopEndsTheWait) {
  stop_.request_stop();
  EXPECT_TRUE(absl::IsCancelled(Fail(1)));
}

}  // namespace
}  // namespace millrace
