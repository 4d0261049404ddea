#include "pipeline/split_dead_letter_queue.h"

#include <vector>

#include "base/status.h"

namespace millrace {

bool IsRefusedByDestination(const Rejection& rejection) {
  // A replay also keeps the source row of records that the destination refused; see Rejection.
  return rejection.code == "rejected_by_destination" ||
         (rejection.payload_before.empty() && !rejection.payload_after.empty());
}

absl::Status SplitDeadLetterQueue::Add(const LedgerKey& object,
                                       absl::Span<const Rejection> rejections) {
  std::vector<Rejection> unmapped;
  std::vector<Rejection> refused;
  for (const Rejection& rejection : rejections) {
    (IsRefusedByDestination(rejection) ? refused : unmapped).push_back(rejection);
  }
  if (!unmapped.empty()) RETURN_IF_ERROR(unmapped_.Add(object, unmapped));
  if (!refused.empty()) RETURN_IF_ERROR(refused_.Add(object, refused));
  return absl::OkStatus();
}

absl::Status SplitDeadLetterQueue::Sync(const LedgerKey& object) {
  RETURN_IF_ERROR(unmapped_.Sync(object));
  return refused_.Sync(object);
}

absl::Status SplitDeadLetterQueue::RemoveRows(const LedgerKey& object, uint64_t begin,
                                              uint64_t end) {
  RETURN_IF_ERROR(unmapped_.RemoveRows(object, begin, end));
  return refused_.RemoveRows(object, begin, end);
}

}  // namespace millrace
