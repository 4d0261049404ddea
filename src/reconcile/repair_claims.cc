#include "reconcile/repair_claims.h"

#include <random>
#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace millrace {

RepairClaims::RepairClaims(DeliveryCursor& cursor)
    : cursor_(cursor),
      owner_([] {
        std::random_device random;
        return StrCat("repair/", random(), "-", random());
      }()),
      writer_(StrCat(owner_, "/1")) {}

absl::Status RepairClaims::Take(const LedgerKey& object, std::stop_token stop) {
  RETURN_IF_ERROR(cursor_.Forget(object, stop));
  ASSIGN_OR_RETURN(taken_[object], cursor_.Claim(object, writer_, std::move(stop)));
  return absl::OkStatus();
}

absl::StatusOr<RowRanges> RepairClaims::Claim(const LedgerKey& object, const std::string& writer,
                                              std::stop_token stop) {
  const auto taken = taken_.find(object);
  if (taken != taken_.end() && writer == writer_) return taken->second;
  return cursor_.Claim(object, writer, std::move(stop));
}

void RepairClaims::Release(const LedgerKey& object, const std::string& writer, bool delivered) {
  cursor_.Release(object, writer, delivered);
}

absl::Status RepairClaims::Forget(const LedgerKey& object, std::stop_token stop) {
  return cursor_.Forget(object, std::move(stop));
}

}  // namespace millrace
