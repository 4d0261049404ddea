// Two dead-letter queues: one for rows that could not be mapped, one for rows that the destination
// refused.
#ifndef MILLRACE_PIPELINE_SPLIT_DEAD_LETTER_QUEUE_H_
#define MILLRACE_PIPELINE_SPLIT_DEAD_LETTER_QUEUE_H_

#include "pipeline/dead_letter_queue.h"

namespace millrace {

// Whether the destination refused the row, rather than the mapping.
bool IsRefusedByDestination(const Rejection& rejection);

// Rows that could not be mapped go to `unmapped`, rows that the destination refused to `refused`;
// both must outlive it. Sync() and RemoveRows() go to both.
class SplitDeadLetterQueue : public DeadLetterQueue {
 public:
  SplitDeadLetterQueue(DeadLetterQueue& unmapped, DeadLetterQueue& refused)
      : unmapped_(unmapped), refused_(refused) {}

  absl::Status Add(const LedgerKey& object, absl::Span<const Rejection> rejections) override;
  absl::Status Sync(const LedgerKey& object) override;
  absl::Status RemoveRows(const LedgerKey& object, uint64_t begin, uint64_t end) override;

 private:
  DeadLetterQueue& unmapped_;
  DeadLetterQueue& refused_;
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_SPLIT_DEAD_LETTER_QUEUE_H_
