#include "auth/token_source.h"

#include <algorithm>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/synchronization/mutex.h"
#include "base/log.h"
#include "base/strings.h"

namespace millrace {
namespace {

constexpr absl::Duration kEarly = absl::Minutes(5);
constexpr absl::Duration kJitter = absl::Minutes(1);  // so that a fleet does not renew at once
constexpr absl::Duration kRetry = absl::Seconds(10);

class FixedTokenSource : public TokenSource {
 public:
  explicit FixedTokenSource(std::string token) : token_{.value = std::move(token)} {}
  absl::StatusOr<AccessToken> Token(std::stop_token) override { return token_; }
  void Forget(const AccessToken&) override {}

 private:
  const AccessToken token_;
};

class CachedTokenSource : public TokenSource {
 public:
  CachedTokenSource(std::unique_ptr<TokenFetcher> fetcher, std::unique_ptr<HttpClient> http,
                    Clock& clock)
      : clock_(clock), fetcher_(std::move(fetcher)), http_(std::move(http)) {}

  absl::StatusOr<AccessToken> Token(std::stop_token stop) override {
    // Wakes a waiter below; must not end while the mutex is held.
    std::stop_callback wake(stop, [this] { absl::MutexLock lock(&mutex_); });
    {
      absl::MutexLock lock(&mutex_);
      const auto may_go_on = [&] {
        mutex_.AssertReaderHeld();
        return stop.stop_requested() || !fetching_ || IsGood();
      };
      mutex_.Await(absl::Condition(&may_go_on));
      if (stop.stop_requested()) return absl::CancelledError("a stop was requested");
      if (IsGood() && (fetching_ || clock_.Now() < renew_at_)) return token_;
      fetching_ = true;
    }
    absl::StatusOr<AccessToken> fetched = fetcher_->Fetch(*http_, stop);

    absl::MutexLock lock(&mutex_);
    fetching_ = false;
    if (fetched.ok()) {
      Keep(*fetched);
    } else if (IsGood()) {
      renew_at_ = clock_.Now() + kRetry;
      Log(Severity::kWarning, "renewing an access token failed, the old one is still valid",
          {{"error", ToStd(fetched.status().message())}});
      return token_;
    }
    return fetched;
  }

  void Forget(const AccessToken& refused) override {
    absl::MutexLock lock(&mutex_);
    if (token_.value == refused.value) token_.expires = absl::InfinitePast();
  }

 private:
  bool IsGood() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return clock_.Now() < token_.expires; }

  void Keep(AccessToken token) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const absl::Time now = clock_.Now();
    const absl::Duration life = token.expires - now;
    const absl::Duration early =
        kEarly + absl::Seconds(absl::Uniform(random_, 0.0, absl::ToDoubleSeconds(kJitter)));
    renew_at_ = token.expires - std::min(early, life / 2);
    token_ = std::move(token);
  }

  Clock& clock_;
  const std::unique_ptr<TokenFetcher> fetcher_;  // used by the thread that set fetching_
  const std::unique_ptr<HttpClient> http_;
  mutable absl::Mutex mutex_;
  bool fetching_ ABSL_GUARDED_BY(mutex_) = false;
  AccessToken token_ ABSL_GUARDED_BY(mutex_) = {.value = "", .expires = absl::InfinitePast()};
  absl::Time renew_at_ ABSL_GUARDED_BY(mutex_);
  absl::BitGen random_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<TokenSource> NewFixedTokenSource(std::string token) {
  return std::make_unique<FixedTokenSource>(std::move(token));
}

std::unique_ptr<TokenSource> NewCachedTokenSource(std::unique_ptr<TokenFetcher> fetcher,
                                                  std::unique_ptr<HttpClient> http, Clock& clock) {
  return std::make_unique<CachedTokenSource>(std::move(fetcher), std::move(http), clock);
}

}  // namespace millrace
