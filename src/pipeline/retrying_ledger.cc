#include "pipeline/retrying_ledger.h"

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

absl::Status StatusOf(const absl::Status& status) { return status; }
template <typename T>
absl::Status StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

}  // namespace

template <typename Call>
auto RetryingLedger::Try(Call call) -> decltype(call()) {
  for (int attempt = 1;; ++attempt) {
    auto result = call();
    const absl::Status status = StatusOf(result);
    if (status.ok()) retrier_.Succeeded();
    if (!absl::IsUnavailable(status)) return result;
    if (attempt == 1) {
      Log(Severity::kWarning, "the ledger cannot be reached, trying again",
          {{"error", ToStd(status.message())}});
    }
    RETURN_IF_ERROR(retrier_.WaitToRetry(attempt, status, absl::ZeroDuration(), stop_));
  }
}

absl::StatusOr<Ledger::Claim> RetryingLedger::ClaimObject(const LedgerKey& key,
                                                          const std::string& owner,
                                                          uint64_t object_bytes,
                                                          absl::Duration lease) {
  return Try([&] { return ledger_.ClaimObject(key, owner, object_bytes, lease); });
}

absl::Status RetryingLedger::Store(LedgerEntry& entry, absl::Duration lease) {
  return Try([&] { return ledger_.Store(entry, lease); });
}

absl::Status RetryingLedger::Release(LedgerEntry& entry) {
  return Try([&] { return ledger_.Release(entry); });
}

absl::Status RetryingLedger::Forget(const LedgerKey& key) {
  return Try([&] { return ledger_.Forget(key); });
}

}  // namespace millrace
