// Dead letters of a spool's destinations, in an object for each day instead of each segment.
#ifndef MILLRACE_SPOOL_DAILY_DEAD_LETTERS_H_
#define MILLRACE_SPOOL_DAILY_DEAD_LETTERS_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "pipeline/dead_letter_queue.h"
#include "record_log/record_log.h"

namespace millrace {

// Thread-safe. Keys are those of segments (SegmentObject()); what another queue gets is
//
//   spool:<id>/events/2026-11-30      the UTC day on which the first such record of the segment
//   came
//
// and as rows <sequence> * kRowsOfSegment + the row in the segment.
class DailyDeadLetters final : public DeadLetterQueue {
 public:
  static constexpr uint64_t kRowsOfSegment = 1'000'000'000;

  // Both outlive it.
  DailyDeadLetters(DeadLetterQueue& queue, const RecordLog& log);

  absl::Status Add(const LedgerKey& object, absl::Span<const Rejection> rejections) override;
  absl::Status Sync(const LedgerKey& object) override;
  absl::Status RemoveRows(const LedgerKey& object, uint64_t begin, uint64_t end) override;

 private:
  struct Segment {
    LedgerKey day;
    uint64_t first_row = 0;      // of `day`
    bool may_have_rows = false;  // in the queue
  };
  // A copy of what is known of a segment; `adds`: from now on it may have rows.
  Segment Find(const LedgerKey& object, bool adds);
  Segment Read(const LedgerKey& object) const;

  DeadLetterQueue& queue_;
  const RecordLog& log_;
  const uint64_t last_sequence_;  // when this began: later segments have no rows of earlier runs
  absl::Mutex mutex_;
  std::map<LedgerKey, Segment> segments_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace

#endif  // MILLRACE_SPOOL_DAILY_DEAD_LETTERS_H_
