#include "export/query_budget.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/retrier.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/worker_id.h"
#include "pipeline/retry_unavailable.h"

namespace millrace {
namespace {

constexpr absl::Duration kHour = absl::Hours(1);
constexpr absl::Duration kMinWait = absl::Seconds(1);

}  // namespace

absl::Status QueryBudget::Take(std::stop_token stop) {
  if (per_hour_ == 0) return absl::OkStatus();
  Retrier retrier(retry_, clock_);
  for (;;) {
    ASSIGN_OR_RETURN(const absl::Time free,
                     RetryUnavailable(retrier, stop, [&] { return TryTake(stop); }));
    if (free == absl::InfinitePast()) return absl::OkStatus();
    const absl::Duration wait = std::max(free - clock_.Now(), kMinWait);
    Log(Severity::kInfo, "waiting for Mixpanel's limit of export queries",
        {{"seconds", absl::ToInt64Seconds(wait)},
         {"queries_per_hour", static_cast<uint64_t>(per_hour_)}});
    if (!clock_.SleepFor(wait, stop)) return StopRequested();
  }
}

absl::StatusOr<absl::Time> QueryBudget::TryTake(std::stop_token stop) {
  // A name of its own for each query: a row that this process has claimed is not claimed again.
  const std::string owner = StrCat(CurrentWorkerId(), "#", random_());
  absl::Time free = absl::InfiniteFuture();
  for (size_t tried = 0; tried < per_hour_; ++tried) {
    const size_t row = (next_ + tried) % per_hour_;
    const ClaimRequest request = {
        .key = {StrCat("mixpanel:", project_id_, "/queries/", row), "hour", "", kDestination},
        .owner = owner,
        .lease = kHour};
    ASSIGN_OR_RETURN(const Ledger::Claim claim, ledger_.ClaimObject(request, stop));
    if (claim.outcome == Ledger::Claim::Outcome::kClaimed) {
      next_ = row + 1;
      return absl::InfinitePast();
    }
    free = std::min(free, claim.entry.lease_until);
  }
  return free;
}

}  // namespace millrace
