#include "export/window_claims.h"

#include <gmock/gmock.h>

#include "pipeline/testing/memory_ledger.h"

namespace millrace {
namespace {

constexpr char kDay[] = "mixpanel:7/events/2026-11-01";

class WindowClaimsTest : public testing::Test {
 protected:
  std::unique_ptr<WindowClaims> Claims(std::string selection = "all") {
    return std::make_unique<WindowClaims>(ledger_,
                                          WindowClaimOptions{.destination = "lake:events",
                                                             .label = "lake/",
                                                             .selection = std::move(selection),
                                                             .lease = absl::Hours(1),
                                                             .on_lost = [](absl::Status) {}});
  }
  // Another worker, on another machine, claims the day.
  void HoldElsewhere(absl::Duration lease) {
    ASSERT_TRUE(ledger_
                    .ClaimObject({.key = {kDay, "window", "all", "lake:events"},
                                  .owner = "other/1/2/3/4",
                                  .lease = lease},
                                 {})
                    .ok());
  }

  FakeClock clock_;
  MemoryLedger ledger_{clock_};
};

TEST_F(WindowClaimsTest, RemembersWhatWasDelivered) {
  auto claims = Claims();
  EXPECT_EQ(*claims->Claim(kDay, {}), WindowState());
  ASSERT_TRUE(claims->Store(kDay, {.delivered = 10, .in_flight = 3}, {}).ok());
  claims = nullptr;  // releases it
  EXPECT_EQ(*Claims()->Claim(kDay, {}), (WindowState{.delivered = 10, .in_flight = 3}));
}

TEST_F(WindowClaimsTest, AClosedWindowIsNotClaimed) {
  auto claims = Claims();
  ASSERT_TRUE(claims->Claim(kDay, {}).ok());
  ASSERT_TRUE(claims->Store(kDay, {.closed = true, .delivered = 10}, {}).ok());
  EXPECT_TRUE(Claims()->Claim(kDay, {})->closed);
  EXPECT_TRUE(absl::IsAborted(claims->Store(kDay, {}, {})));
}

TEST_F(WindowClaimsTest, SaysWhoElseExportsTheWindow) {
  HoldElsewhere(absl::Minutes(5));
  const absl::Status refused = Claims()->Claim(kDay, {}).status();
  EXPECT_TRUE(absl::IsAborted(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), testing::HasSubstr("other/1/2/3/4"));
  clock_.Advance(absl::Minutes(6));
  EXPECT_TRUE(Claims()->Claim(kDay, {}).ok());
}

TEST_F(WindowClaimsTest, RefusesAnotherSelectionOnceRowsWereDelivered) {
  auto claims = Claims("all");
  ASSERT_TRUE(claims->Claim(kDay, {}).ok());
  claims = nullptr;
  EXPECT_TRUE(Claims("event=a")->Claim(kDay, {}).ok());
  claims = Claims("all");
  ASSERT_TRUE(claims->Claim(kDay, {}).ok());
  ASSERT_TRUE(claims->Store(kDay, {.delivered = 1}, {}).ok());
  claims = nullptr;
  EXPECT_TRUE(absl::IsFailedPrecondition(Claims("event=a")->Claim(kDay, {}).status()));
}

TEST_F(WindowClaimsTest, AWindowThatWasTakenOverIsNotStored) {
  auto claims = Claims();
  ASSERT_TRUE(claims->Claim(kDay, {}).ok());
  clock_.Advance(absl::Hours(2));
  HoldElsewhere(absl::Minutes(5));
  EXPECT_TRUE(absl::IsAborted(claims->Store(kDay, {.delivered = 1}, {})));
}

}  // namespace
}  // namespace millrace
