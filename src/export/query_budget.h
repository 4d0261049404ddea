// The queries of an hour, which all processes of a project share through the ledger.
#ifndef MILLRACE_EXPORT_QUERY_BUDGET_H_
#define MILLRACE_EXPORT_QUERY_BUDGET_H_

#include <cstddef>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/retry_policy.h"
#include "pipeline/ledger.h"

namespace millrace {

// Each query of an hour is a row of the ledger, whose lease of an hour is claimed and never
// released. One thread at a time.
class QueryBudget {
 public:
  // LedgerKey::destination of the rows.
  static constexpr char kDestination[] = "mixpanel:queries";

  // `per_hour` 0: no limit. `ledger` and `clock` outlive this.
  QueryBudget(Ledger& ledger, std::string project_id, size_t per_hour, RetryPolicy retry,
              Clock& clock)
      : ledger_(ledger),
        project_id_(std::move(project_id)),
        per_hour_(per_hour),
        retry_(retry),
        clock_(clock) {}

  // Waits until one more query may be sent. Cancelled if `stop` is requested first.
  absl::Status Take(std::stop_token stop);

 private:
  // InfinitePast() if a row is claimed, else when the next one is free.
  absl::StatusOr<absl::Time> TryTake(std::stop_token stop);

  Ledger& ledger_;
  const std::string project_id_;
  const size_t per_hour_;
  const RetryPolicy retry_;
  Clock& clock_;
  absl::BitGen random_;
  size_t next_ = 0;  // the row to try first
};

}  // namespace millrace

#endif  // MILLRACE_EXPORT_QUERY_BUDGET_H_
