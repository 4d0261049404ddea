// A Ledger behind the retry policy: what is Unavailable is tried again.
#ifndef MILLRACE_PIPELINE_RETRYING_LEDGER_H_
#define MILLRACE_PIPELINE_RETRYING_LEDGER_H_

#include <stop_token>
#include <string>
#include <utility>

#include "base/clock.h"
#include "pipeline/ledger.h"
#include "pipeline/retrier.h"

namespace millrace {

// For sources, which claim. (Run() tries its own stores again.) `ledger` and `clock` outlive it.
// ForEach() is not tried again, as it would visit rows twice.
class RetryingLedger : public Ledger {
 public:
  RetryingLedger(Ledger& ledger, const RetryPolicy& policy, Clock& clock, std::stop_token stop)
      : ledger_(ledger), retrier_(policy, clock), stop_(std::move(stop)) {}

  absl::StatusOr<Claim> ClaimObject(const LedgerKey& key, const std::string& owner,
                                    uint64_t object_bytes, absl::Duration lease) override;
  absl::Status Store(LedgerEntry& entry, absl::Duration lease) override;
  absl::Status Release(LedgerEntry& entry) override;
  absl::Status Forget(const LedgerKey& key) override;
  absl::Status ForEach(const std::function<absl::Status(const LedgerEntry&)>& visit) override {
    return ledger_.ForEach(visit);
  }

 private:
  template <typename Call>
  auto Try(Call call) -> decltype(call());

  Ledger& ledger_;
  Retrier retrier_;
  const std::stop_token stop_;
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_RETRYING_LEDGER_H_
