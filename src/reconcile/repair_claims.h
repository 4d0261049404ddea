// Makes a repair the only one that writes rows of its objects, at a destination with a cursor.
#ifndef MILLRACE_RECONCILE_REPAIR_CLAIMS_H_
#define MILLRACE_RECONCILE_REPAIR_CLAIMS_H_

#include <map>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pipeline/delivery_cursor.h"

namespace millrace {

// The cursor of a repair's run. Take() is called before the run, and before the days are compared
// that say what it sends: what others have written by then can be read, and what they write later
// is fenced, unless they take the object after it, which fences this repair.
class RepairClaims final : public DeliveryCursor {
 public:
  // `cursor` outlives it. Each has an owner of its own.
  explicit RepairClaims(DeliveryCursor& cursor);

  // Of the run's claims of objects in its ledger, each of which is the first.
  const std::string& owner() const { return owner_; }

  // Forgets what earlier repairs have written of the object, and claims it. Waits for writes of
  // theirs that are in progress, also of a process that was killed.
  absl::Status Take(const LedgerKey& object, std::stop_token stop);

  // Does not claim an object again that was taken: another repair may have taken it since.
  absl::StatusOr<RowRanges> Claim(const LedgerKey& object, const std::string& writer,
                                  std::stop_token stop) override;
  absl::Status Forget(const LedgerKey& object, std::stop_token stop) override;
  void Release(const LedgerKey& object, const std::string& writer, bool delivered) override;

 private:
  DeliveryCursor& cursor_;
  const std::string owner_;
  const std::string writer_;  // as Run() calls it
  std::map<LedgerKey, RowRanges> taken_;
};

}  // namespace millrace

#endif  // MILLRACE_RECONCILE_REPAIR_CLAIMS_H_
