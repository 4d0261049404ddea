#include "connectors/pubsub/leases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "connectors/pubsub/subscription.h"

namespace millrace::pubsub {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr absl::Duration kSecond = absl::Seconds(1);

TEST(Leases, AreExtendedWhenTwoThirdsHavePassed) {
  Leases leases({.first = 60 * kSecond});
  leases.Add("a", 100, 0 * kSecond, false);
  EXPECT_EQ(leases.NextDue(), 40 * kSecond);
  EXPECT_THAT(leases.TakeDue(39 * kSecond), IsEmpty());
  EXPECT_THAT(leases.TakeDue(40 * kSecond), ElementsAre("a"));
  EXPECT_THAT(leases.TakeDue(41 * kSecond), IsEmpty());
  EXPECT_EQ(leases.NextDue(), 80 * kSecond);
}

TEST(Leases, AnArrivalCanBeConfirmedAtOnce) {
  Leases leases({});
  leases.Add("a", 1, 5 * kSecond, true);
  EXPECT_THAT(leases.TakeDue(5 * kSecond), ElementsAre("a"));
}

TEST(Leases, AreAsLongAsMessagesTake) {
  Leases leases({.first = 60 * kSecond});
  EXPECT_EQ(leases.extension(), 60 * kSecond);
  for (int i = 1; i <= 100; ++i) {
    leases.Remove(0);
    const auto handle = leases.Add("x", 1, absl::ZeroDuration(), false);
    leases.Settle(handle, i * kSecond);
    leases.Remove(handle);
  }
  EXPECT_EQ(leases.extension(), 100 * kSecond);
  for (int i = 0; i < 1000; ++i) {
    const auto handle = leases.Add("x", 1, absl::ZeroDuration(), false);
    leases.Settle(handle, absl::Milliseconds(5));
    leases.Remove(handle);
  }
  EXPECT_EQ(leases.extension(), 10 * kSecond);
  leases.SetLeast(60 * kSecond);
  EXPECT_EQ(leases.extension(), 60 * kSecond);
}

TEST(Leases, NothingIsKeptForEver) {
  Leases leases({.first = 60 * kSecond, .max_held = 100 * kSecond});
  const auto handle = leases.Add("a", 1, absl::ZeroDuration(), false);
  EXPECT_THAT(leases.TakeDue(40 * kSecond), ElementsAre("a"));
  EXPECT_THAT(leases.TakeDue(80 * kSecond), ElementsAre("a"));
  EXPECT_THAT(leases.TakeDue(120 * kSecond), IsEmpty());
  EXPECT_EQ(leases.NextDue(), absl::InfiniteDuration());
  EXPECT_EQ(leases.messages(), 1u);
  EXPECT_EQ(leases.Settle(handle, 130 * kSecond), "a");
}

TEST(Leases, CountWhatIsHeld) {
  Leases leases({});
  const auto a = leases.Add("a", 100, absl::ZeroDuration(), false);
  const auto b = leases.Add("b", 10, absl::ZeroDuration(), false);
  leases.Add("c", 1, absl::ZeroDuration(), false);
  EXPECT_EQ(leases.bytes(), 111u);
  EXPECT_EQ(leases.Settle(a, kSecond), "a");
  EXPECT_EQ(leases.bytes(), 11u);
  EXPECT_EQ(leases.messages(), 3u);
  EXPECT_EQ(leases.Remove(b), "b");
  EXPECT_EQ(leases.Remove(b), "");
  EXPECT_EQ(leases.Settle(b, kSecond), "");
  EXPECT_EQ(leases.bytes(), 1u);
  EXPECT_THAT(leases.TakeUnsettled(), UnorderedElementsAre("c"));
  EXPECT_EQ(leases.bytes(), 0u);
  EXPECT_EQ(leases.messages(), 1u);
}

TEST(Leases, AFailedExtensionIsTriedAgainSoon) {
  Leases leases({.first = 60 * kSecond});
  leases.Add("a", 1, absl::ZeroDuration(), false);
  leases.Add("b", 1, absl::ZeroDuration(), false);
  EXPECT_THAT(leases.TakeDue(40 * kSecond), UnorderedElementsAre("a", "b"));
  leases.Postpone({"a"}, 41 * kSecond);
  EXPECT_THAT(leases.TakeDue(41 * kSecond), ElementsAre("a"));
}

TEST(Leases, WhatFailsComesLaterEachTime) {
  EXPECT_EQ(NackDelay(0), absl::Seconds(10));
  EXPECT_EQ(NackDelay(1), absl::Seconds(10));
  EXPECT_EQ(NackDelay(2), absl::Seconds(20));
  EXPECT_EQ(NackDelay(6), absl::Seconds(320));
  EXPECT_EQ(NackDelay(7), absl::Seconds(600));
  EXPECT_EQ(NackDelay(1'000'000), absl::Seconds(600));
}

}  // namespace
}  // namespace millrace::pubsub
