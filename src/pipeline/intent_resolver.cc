#include "pipeline/intent_resolver.h"

#include <pthread.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "pipeline/retry_unavailable.h"

namespace millrace {
namespace {

// A commit that failed for no stated reason is not a success.
absl::Status Why(const CommitResult& result) {
  return result.status.ok() ? absl::UnknownError("the destination gave no reason") : result.status;
}

// The number of refused events: payload_after has one per line.
uint64_t CountEvents(const Rejection& rejection) {
  const std::string& lines = rejection.payload_after;
  return 1 + static_cast<uint64_t>(std::count(lines.begin(), lines.end(), '\n'));
}

}  // namespace

// Renews the lease of an intent that is being committed, as long as it lives.
class IntentResolver::Lease {
 public:
  Lease(const IntentResolver& resolver, Intent& intent, std::stop_token stop)
      : resolver_(resolver),
        intent_(intent),
        forward_(stop, [this] { stop_.request_stop(); }),
        renewed_(intent),
        thread_([this] { RenewInTime(); }) {}
  ~Lease() { End().IgnoreError(); }

  // Requested also once another worker has the intent.
  std::stop_token stop() const { return stop_.get_token(); }

  // Afterwards the intent may be changed again. Aborted: another worker has it.
  absl::Status End() {
    if (!thread_.joinable()) return status_;
    {
      absl::MutexLock lock(&mutex_);
      ended_ = true;
    }
    thread_.join();
    intent_.revision = renewed_.revision;
    intent_.lease_until = renewed_.lease_until;
    return status_;
  }

 private:
  void RenewInTime() {
    pthread_setname_np(pthread_self(), "mr-intent");
    Intents& intents = resolver_.ledger_.intents();
    while (AwaitDue()) {
      const absl::Status status = intents.Renew(renewed_, resolver_.lease_, stop_.get_token());
      if (absl::IsAborted(status)) {
        status_ = status;
        stop_.request_stop();
        return;
      }
    }
  }

  // False once this is ended. Waits a quarter of the lease, so that one renewal may fail.
  bool AwaitDue() {
    const absl::Duration due = resolver_.clock_.Elapsed() + resolver_.lease_ / 4;
    absl::MutexLock lock(&mutex_);
    while (!ended_) {
      const absl::Duration wait = due - resolver_.clock_.Elapsed();
      if (wait <= absl::ZeroDuration()) return true;
      mutex_.AwaitWithTimeout(absl::Condition(&ended_), wait);
    }
    return false;
  }

  const IntentResolver& resolver_;
  Intent& intent_;
  std::stop_source stop_;
  const std::stop_callback<std::function<void()>> forward_;
  absl::Mutex mutex_;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  // Used by thread_ until it has ended.
  Intent renewed_;
  absl::Status status_;
  std::thread thread_;  // last: uses the rest
};

absl::StatusOr<IntentResolver::Outcome> IntentResolver::Finish(Intent& intent,
                                                               std::stop_token stop) {
  Outcome outcome;
  const absl::Status status = TryToFinish(intent, outcome, stop);
  if (status.ok()) return outcome;
  // Whoever finds it next need not wait until the lease has expired.
  if (!absl::IsAborted(status)) {
    ledger_.intents().Renew(intent, absl::ZeroDuration(), {}).IgnoreError();
  }
  return Annotate(status, StrCat("the commit ", intent.id));
}

absl::Status IntentResolver::TryToFinish(Intent& intent, Outcome& outcome,
                                         const std::stop_token& stop) {
  Lease lease(*this, intent, stop);
  const absl::StatusOr<CommitResult> result = Commit(intent, lease.stop());
  RETURN_IF_ERROR(lease.End());
  RETURN_IF_ERROR(result.status());
  Intents& intents = ledger_.intents();
  if (result->kind == CommitResult::Kind::kGone) {
    return RetryUnavailable(retrier_, stop, [&] { return intents.Withdraw(intent, stop); });
  }
  RETURN_IF_ERROR(KeepRefused(*result, intent, outcome));
  outcome.settled = true;
  return RetryUnavailable(retrier_, stop, [&] { return intents.Settle(intent, lease_, stop); });
}

// The result is kCommitted, or kGone once everything of the intent is abandoned.
absl::StatusOr<CommitResult> IntentResolver::Commit(const Intent& intent,
                                                    const std::stop_token& stop) {
  using Kind = CommitResult::Kind;
  for (RetryLoop tries(retrier_);;) {
    CommitResult result = committer_.Commit(intent, stop);
    if (result.kind == Kind::kCommitted) {
      tries.Succeeded();
      return result;
    }
    if (result.kind == Kind::kStop) return Why(result);
    if (result.kind == Kind::kGone) {
      const absl::Status status = Abandon(intent, stop);
      if (status.ok()) return result;
      // All of it is visible after all, and committing it again shows that.
      if (!absl::IsFailedPrecondition(status)) return status;
      result.status = status;
    }
    RETURN_IF_ERROR(tries.WaitToRetry(Why(result), absl::ZeroDuration(), stop));
  }
}

absl::Status IntentResolver::Abandon(const Intent& intent, const std::stop_token& stop) {
  return RetryUnavailable(retrier_, stop, [&] { return committer_.Abandon(intent, stop); });
}

absl::Status IntentResolver::KeepRefused(const CommitResult& result, Intent& intent,
                                         Outcome& outcome) {
  const std::vector<CommitResult::Refused>& refused = result.refused;
  for (size_t next = 0; next < refused.size();) {
    const size_t number = refused[next].span;
    if (number >= intent.spans.size()) {
      return absl::InternalError("the destination refused rows of an unknown object");
    }
    IntentSpan& span = intent.spans[number];
    std::vector<Rejection> rejections;
    for (; next < refused.size() && refused[next].span == number; ++next) {
      const Rejection& rejection = refused[next].rejection;
      --span.counts.accepted;
      ++span.counts.rejected;
      span.counts.events -= CountEvents(rejection);
      rejections.push_back(rejection);
    }
    if (outcome.first_refusal.empty()) {
      const Rejection& first = rejections.front();
      outcome.first_refusal = StrCat(RowName(span.object, first.source_row), ": ", first.message);
    }
    RETURN_IF_ERROR(dead_letter_.Add(span.object, rejections));
    RETURN_IF_ERROR(dead_letter_.Sync(span.object));
  }
  return absl::OkStatus();
}

absl::Status IntentResolver::Resolve(const std::string& id, const std::string& owner,
                                     bool owner_is_dead, std::stop_token stop) {
  ASSIGN_OR_RETURN(std::optional<Intent> intent, RetryUnavailable(retrier_, stop, [&] {
                     return ledger_.intents().Take(id, owner, owner_is_dead, lease_, stop);
                   }));
  if (!intent.has_value()) return absl::OkStatus();
  Log(Severity::kInfo, "finishing the commit of a worker that did not", {{"commit", id}});
  const absl::StatusOr<Outcome> outcome = Finish(*intent, std::move(stop));
  return absl::IsAborted(outcome.status()) ? absl::OkStatus() : outcome.status();
}

}  // namespace millrace
