#include "export/window_claims.h"

#include <pthread.h>

#include <utility>

#include "base/clock.h"
#include "base/delayed_stop.h"
#include "base/log.h"
#include "base/retrier.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/worker_id.h"
#include "pipeline/retry_unavailable.h"

namespace millrace {
namespace {

constexpr absl::Duration kReleaseGrace = absl::Seconds(10);

}  // namespace

WindowClaims::WindowClaims(Ledger& ledger, WindowClaimOptions options)
    : ledger_(ledger), options_(std::move(options)) {
  renewer_ = std::jthread([this](std::stop_token stop) { Renew(std::move(stop)); });
  pthread_setname_np(renewer_.native_handle(), "claims");
}

WindowClaims::~WindowClaims() {
  renewer_.request_stop();
  renewer_.join();
  const DelayedStop grace(kReleaseGrace);
  absl::MutexLock lock(&mutex_);
  for (auto& [window, entry] : entries_) {
    const absl::Status released = ledger_.Release(entry, grace.token());
    if (released.ok() || absl::IsAborted(released)) continue;
    Log(Severity::kWarning,
        "window not released; other workers can export it when its lease expires",
        {{"window", window}, {"error", ToStd(released.message())}});
  }
}

absl::StatusOr<WindowState> WindowClaims::Claim(const std::string& window, std::stop_token stop) {
  const LedgerKey key = {window, kVersion, options_.selection, options_.destination};
  Retrier retrier(options_.retry, Clock::Real());
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(Ledger::Claim claim,
                   RetryUnavailable(retrier, stop, [&] { return TryClaim(key, stop); }));
  const WindowState state = {.closed = claim.entry.state == LedgerState::kDone,
                             .delivered = claim.entry.position.row,
                             .in_flight = claim.entry.position.byte};
  switch (claim.outcome) {
    case Ledger::Claim::Outcome::kClaimed:
      entries_.insert_or_assign(window, std::move(claim.entry));
      return state;
    case Ledger::Claim::Outcome::kDone:
      return state;
    case Ledger::Claim::Outcome::kConfigChanged:
      return absl::FailedPreconditionError(StrCat(
          window, " was exported to ", options_.label,
          " with another filter or time zone, or by windows of another kind, so that rows would be "
          "mixed: use the same flags, or another table or folder"));
    case Ledger::Claim::Outcome::kHeld:
    case Ledger::Claim::Outcome::kUncommitted:
      break;
  }
  return absl::AbortedError(StrCat("another export writes ", window, " to ", options_.label, ": ",
                                   claim.entry.owner,
                                   "; run again when it has ended, or when its lease has expired"));
}

absl::StatusOr<Ledger::Claim> WindowClaims::TryClaim(const LedgerKey& key, std::stop_token stop) {
  const ClaimRequest request = {.key = key, .owner = CurrentWorkerId(), .lease = options_.lease};
  ASSIGN_OR_RETURN(Ledger::Claim claim, ledger_.ClaimObject(request, stop));
  const bool is_held = claim.outcome == Ledger::Claim::Outcome::kHeld;
  if (!is_held || !IsWorkerDead(claim.entry.owner)) return claim;
  // Its process was killed, so nobody has to wait for the lease.
  const absl::Status freed = ledger_.Release(claim.entry, stop);
  if (!freed.ok() && !absl::IsAborted(freed)) return freed;
  return ledger_.ClaimObject(request, stop);
}

absl::Status WindowClaims::Store(const std::string& window, const WindowState& state,
                                 std::stop_token stop) {
  Retrier retrier(options_.retry, Clock::Real());
  absl::MutexLock lock(&mutex_);
  const auto found = entries_.find(window);
  if (found == entries_.end()) {
    return absl::AbortedError(StrCat("another export has taken over ", window));
  }
  LedgerEntry& entry = found->second;
  entry.position = {state.delivered, state.in_flight};
  entry.state = state.closed ? LedgerState::kDone : LedgerState::kOpen;
  RETURN_IF_ERROR(
      RetryUnavailable(retrier, stop, [&] { return ledger_.Store(entry, options_.lease, stop); }));
  if (state.closed) entries_.erase(found);
  return absl::OkStatus();
}

void WindowClaims::Renew(std::stop_token stop) {
  while (Clock::Real().SleepFor(options_.lease / 3, stop)) {
    absl::MutexLock lock(&mutex_);
    for (auto entry = entries_.begin(); entry != entries_.end();) {
      const absl::Status renewed = ledger_.Store(entry->second, options_.lease, stop);
      if (absl::IsAborted(renewed)) {
        options_.on_lost(absl::AbortedError(
            StrCat("another export has taken over ", entry->first, " to ", options_.label)));
        entry = entries_.erase(entry);
      } else {
        ++entry;  // an error is repeated, and its lease expires, or passes
      }
    }
  }
}

}  // namespace millrace
