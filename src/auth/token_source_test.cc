#include "auth/token_source.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "base/strings.h"
#include "net/testing/fake_http_client.h"

namespace millrace {
namespace {

// Gives the tokens t1, t2, ... that live for `life`, or `error`.
struct Script {
  std::atomic<int> fetches{0};
  absl::Duration life = absl::Hours(1);
  absl::Status error;
  absl::Notification* wait_for = nullptr;
  absl::Notification* begun = nullptr;
};

class ScriptedFetcher : public TokenFetcher {
 public:
  ScriptedFetcher(Script& script, Clock& clock) : script_(script), clock_(clock) {}
  absl::StatusOr<AccessToken> Fetch(HttpClient&, std::stop_token stop) override {
    const int number = ++script_.fetches;
    if (script_.begun != nullptr && number == 1) script_.begun->Notify();
    if (script_.wait_for != nullptr) script_.wait_for->WaitForNotification();
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    if (!script_.error.ok()) return script_.error;
    return AccessToken{StrCat("t", number), clock_.Now() + script_.life};
  }

 private:
  Script& script_;
  Clock& clock_;
};

class TokenSourceTest : public testing::Test {
 protected:
  std::string Get(std::stop_token stop = {}) {
    const absl::StatusOr<AccessToken> token = source_->Token(std::move(stop));
    return token.ok() ? token->value : std::string(ToStd(token.status().message()));
  }

  Script script_;
  FakeClock clock_;
  std::unique_ptr<TokenSource> source_ = NewCachedTokenSource(
      std::make_unique<ScriptedFetcher>(script_, clock_),
      std::make_unique<FakeHttpClient>([](const HttpRequest&) {
        return absl::StatusOr<HttpResponse>(absl::InternalError("nothing asks here"));
      }),
      clock_);
};

TEST_F(TokenSourceTest, ATokenServesUntilFiveToSixMinutesBeforeItsEnd) {
  EXPECT_EQ(Get(), "t1");
  clock_.Advance(absl::Minutes(53));
  EXPECT_EQ(Get(), "t1");
  clock_.Advance(absl::Minutes(2));
  EXPECT_EQ(Get(), "t2");
  EXPECT_EQ(script_.fetches, 2);
}

TEST_F(TokenSourceTest, AShortLivedTokenIsRenewedHalfway) {
  script_.life = absl::Minutes(4);
  EXPECT_EQ(Get(), "t1");
  clock_.Advance(absl::Seconds(119));
  EXPECT_EQ(Get(), "t1");
  clock_.Advance(absl::Seconds(2));
  EXPECT_EQ(Get(), "t2");
}

TEST_F(TokenSourceTest, AFailedRenewalGoesUnnoticedWhileTheOldTokenHolds) {
  EXPECT_EQ(Get(), "t1");
  script_.error = absl::UnavailableError("down");
  clock_.Advance(absl::Minutes(56));
  EXPECT_EQ(Get(), "t1");
  EXPECT_EQ(Get(), "t1");
  EXPECT_EQ(script_.fetches, 2) << "not again at once";
  clock_.Advance(absl::Seconds(11));
  EXPECT_EQ(Get(), "t1");
  EXPECT_EQ(script_.fetches, 3);
  clock_.Advance(absl::Minutes(5));
  EXPECT_EQ(Get(), "down");
  script_.error = absl::OkStatus();
  EXPECT_EQ(Get(), "t5");
}

TEST_F(TokenSourceTest, ManyThreadsMakeOneFetch) {
  absl::Notification go_on;
  script_.wait_for = &go_on;
  absl::Notification begun;
  script_.begun = &begun;
  std::atomic<int> got{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) threads.emplace_back([&] { got += Get() == "t1"; });
  begun.WaitForNotification();
  go_on.Notify();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(got, 16);
  EXPECT_EQ(script_.fetches, 1);
}

TEST_F(TokenSourceTest, OthersUseTheOldTokenDuringARenewal) {
  EXPECT_EQ(Get(), "t1");
  absl::Notification go_on;
  script_.wait_for = &go_on;
  clock_.Advance(absl::Minutes(56));
  std::thread renewer([&] { EXPECT_EQ(Get(), "t2"); });
  while (script_.fetches < 2) std::this_thread::yield();
  EXPECT_EQ(Get(), "t1");
  go_on.Notify();
  renewer.join();
}

TEST_F(TokenSourceTest, AStopEndsTheWaitForAnothersFetch) {
  absl::Notification go_on, begun;
  script_.wait_for = &go_on;
  script_.begun = &begun;
  std::thread fetcher([&] { Get(); });
  begun.WaitForNotification();
  std::stop_source stop;
  std::thread waiter(
      [&] { EXPECT_TRUE(absl::IsCancelled(source_->Token(stop.get_token()).status())); });
  stop.request_stop();
  waiter.join();
  go_on.Notify();
  fetcher.join();
}

TEST_F(TokenSourceTest, ARefusedTokenIsFetchedAnewOnce) {
  const absl::StatusOr<AccessToken> refused = source_->Token({});
  source_->Forget(*refused);
  EXPECT_EQ(Get(), "t2");
  source_->Forget(*refused);
  EXPECT_EQ(Get(), "t2") << "the refused one is gone already";
}

TEST(FixedTokenSource, IsAlwaysTheSame) {
  EXPECT_EQ(NewFixedTokenSource("owner")->Token({})->value, "owner");
}

}  // namespace
}  // namespace millrace
