// A ledger that tells what is stored in it.
#ifndef MILLRACE_SPOOL_WATCHED_LEDGER_H_
#define MILLRACE_SPOOL_WATCHED_LEDGER_H_

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "pipeline/ledger.h"

namespace millrace {

// Thread-safe, as the ledger that it passes everything to.
class WatchedLedger final : public Ledger {
 public:
  // Called after each Store() that succeeded, by its thread.
  using OnStored = std::function<void(const LedgerEntry&)>;
  WatchedLedger(std::unique_ptr<Ledger> ledger, OnStored on_stored)
      : ledger_(std::move(ledger)), on_stored_(std::move(on_stored)) {}

  absl::StatusOr<Claim> ClaimObject(const ClaimRequest& request, std::stop_token stop) override {
    return ledger_->ClaimObject(request, std::move(stop));
  }
  absl::Status Store(LedgerEntry& entry, absl::Duration lease, std::stop_token stop) override {
    const absl::Status status = ledger_->Store(entry, lease, std::move(stop));
    if (status.ok()) on_stored_(entry);
    return status;
  }
  absl::Status Release(LedgerEntry& entry, std::stop_token stop) override {
    return ledger_->Release(entry, std::move(stop));
  }
  absl::StatusOr<std::vector<LedgerKey>> Forget(const LedgerKey& key,
                                                std::stop_token stop) override {
    return ledger_->Forget(key, std::move(stop));
  }
  absl::Status ForEach(const std::function<absl::Status(const LedgerEntry&)>& visit,
                       std::stop_token stop) override {
    return ledger_->ForEach(visit, std::move(stop));
  }
  Intents& intents() override { return ledger_->intents(); }
  absl::Duration StoreInterval() const override { return ledger_->StoreInterval(); }

 private:
  const std::unique_ptr<Ledger> ledger_;
  const OnStored on_stored_;
};

}  // namespace millrace

#endif  // MILLRACE_SPOOL_WATCHED_LEDGER_H_
