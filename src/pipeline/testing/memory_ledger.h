// A Ledger in memory.
#ifndef MILLRACE_PIPELINE_TESTING_MEMORY_LEDGER_H_
#define MILLRACE_PIPELINE_TESTING_MEMORY_LEDGER_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "pipeline/intents.h"
#include "pipeline/ledger.h"

namespace millrace {

class MemoryLedger : public Ledger, private Intents {
 public:
  explicit MemoryLedger(Clock& clock) : clock_(clock) {}

  // Called at the begin of each claim, store and release, and of each call of intents() but List().
  // Not while they are under way.
  void set_on_call(std::function<void()> on_call) { on_call_ = std::move(on_call); }

  absl::StatusOr<Claim> ClaimObject(const ClaimRequest& request, std::stop_token stop) override;
  absl::Status Store(LedgerEntry& entry, absl::Duration lease, std::stop_token stop) override;
  absl::Status Release(LedgerEntry& entry, std::stop_token stop) override;
  absl::StatusOr<std::vector<LedgerKey>> Forget(const LedgerKey& key,
                                                std::stop_token stop) override;
  absl::Status ForEach(const std::function<absl::Status(const LedgerEntry&)>& visit,
                       std::stop_token stop) override;
  Intents& intents() override { return *this; }

  std::optional<LedgerEntry> Find(const LedgerKey& key) const;

  // All rows at once: what a crash of the machine may bring back later, unless an intent was
  // announced in between. The open intents stay.
  using Rows = std::map<LedgerKey, LedgerEntry>;
  Rows Snapshot() const;
  void Restore(Rows rows);

 private:
  absl::Status Announce(Intent& intent, absl::Duration lease, std::stop_token stop) override;
  absl::Status Renew(Intent& intent, absl::Duration lease, std::stop_token stop) override;
  absl::Status Settle(Intent& intent, absl::Duration lease, std::stop_token stop) override;
  absl::Status Withdraw(Intent& intent, std::stop_token stop) override;
  absl::StatusOr<std::optional<Intent>> Take(const std::string& id, const std::string& owner,
                                             bool owner_is_dead, absl::Duration lease,
                                             std::stop_token stop) override;
  absl::StatusOr<std::vector<Intent>> List(const std::string& destination,
                                           std::stop_token stop) override;

  // The row of another config that prevents a claim of `key`; null if there is none.
  const LedgerEntry* Rival(const LedgerKey& key) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The row that `entry` may change; null if it was taken over.
  LedgerEntry* Held(const LedgerEntry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The stored form of `intent`; null if it is another worker's by now, or gone.
  Intent* Open(const Intent& intent) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Changes the rows that `intent` covers and sets the revisions of its spans.
  void ChangeRows(Intent& intent,
                  const std::function<void(const IntentSpan& span, LedgerEntry& row)>& change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Clock& clock_;
  std::function<void()> on_call_ = [] {};
  mutable absl::Mutex mutex_;
  Rows rows_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Intent> intents_ ABSL_GUARDED_BY(mutex_);  // by id
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_TESTING_MEMORY_LEDGER_H_
