#include "base/retry_policy.h"

#include <gtest/gtest.h>

#include "absl/random/random.h"
#include "base/retrier.h"

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
  absl::Status Fail(RetryLoop& tries, absl::Duration retry_after = absl::ZeroDuration()) {
    return tries.WaitToRetry(absl::UnavailableError("no answer"), retry_after, stop_.get_token());
  }

  const RetryPolicy policy_ = {.initial = absl::Seconds(10),
                               .max = absl::Seconds(10),
                               .min_jitter = absl::ZeroDuration(),
                               .max_jitter = absl::ZeroDuration(),
                               .give_up_after = absl::Seconds(35)};
  FakeClock clock_;
  std::stop_source stop_;
  Retrier retrier_{policy_, clock_};
  RetryLoop tries_{retrier_};
};

TEST_F(RetrierTest, TheLastTryComesWhenThePatienceEnds) {
  const absl::Duration begun = clock_.Elapsed();
  for (const int seconds : {10, 20, 30, 35}) {
    EXPECT_TRUE(Fail(tries_).ok());
    EXPECT_EQ(clock_.Elapsed() - begun, absl::Seconds(seconds));
  }
  const absl::Status status = Fail(tries_);
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(status.message(), "giving up after 5 tries: no answer");
  EXPECT_EQ(clock_.Elapsed() - begun, absl::Seconds(35));
}

TEST_F(RetrierTest, APatienceShorterThanTheFirstWaitHasASecondTry) {
  Retrier retrier({.initial = absl::Seconds(10), .give_up_after = absl::Seconds(3)}, clock_);
  RetryLoop tries(retrier);
  const absl::Duration begun = clock_.Elapsed();
  EXPECT_TRUE(Fail(tries).ok());
  EXPECT_EQ(clock_.Elapsed() - begun, absl::Seconds(3));
  EXPECT_FALSE(Fail(tries).ok());
}

TEST_F(RetrierTest, WithoutPatienceTheFirstFailureIsTheLast) {
  Retrier retrier({.give_up_after = absl::ZeroDuration()}, clock_);
  RetryLoop tries(retrier);
  EXPECT_EQ(Fail(tries).message(), "giving up after 1 try: no answer");
}

TEST_F(RetrierTest, AnySuccessSetsTheTimeBack) {
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(Fail(tries_).ok());
  RetryLoop(retrier_).Succeeded();
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(Fail(tries_).ok());
  EXPECT_FALSE(Fail(tries_).ok());
}

TEST_F(RetrierTest, WaitsAreShortAgainAfterASuccess) {
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(Fail(tries_).ok());
  tries_.Succeeded();
  EXPECT_EQ(tries_.failures(), 0);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(Fail(tries_).ok());
  EXPECT_EQ(Fail(tries_).message(), "giving up after 5 tries: no answer");
}

// As when a request fails, is refused at its next try, and hours later another one fails.
TEST_F(RetrierTest, AnOldFailureThatNoSuccessFollowedDoesNotCount) {
  EXPECT_TRUE(Fail(tries_).ok());
  clock_.Advance(absl::Hours(5));
  RetryLoop later(retrier_);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(Fail(later).ok());
  EXPECT_FALSE(Fail(later).ok());
}

TEST_F(RetrierTest, IdleTimeIsNoFailure) {
  RetryLoop(retrier_).Succeeded();
  clock_.Advance(absl::Hours(5));
  EXPECT_TRUE(Fail(tries_).ok());
}

TEST_F(RetrierTest, AWaitLongerThanThePatienceIsNotBegun) {
  EXPECT_TRUE(absl::IsUnavailable(Fail(tries_, absl::Hours(1))));
}

TEST_F(RetrierTest, AStopEndsTheWait) {
  stop_.request_stop();
  EXPECT_TRUE(absl::IsCancelled(Fail(tries_)));
}

}  // namespace
}  // namespace millrace
