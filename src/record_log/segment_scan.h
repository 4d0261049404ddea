// Finds out what a segment has after a crash.
#ifndef MILLRACE_RECORD_LOG_SEGMENT_SCAN_H_
#define MILLRACE_RECORD_LOG_SEGMENT_SCAN_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "record_log/frame.h"
#include "record_log/log_files.h"

namespace millrace {

// DataLoss: there is no seal of this segment at `seal_at`.
absl::StatusOr<RecordCounts> ReadSeal(LogFile& file, uint64_t sequence, uint64_t seal_at);

struct SegmentScan {
  uint64_t end = kSegmentHeaderBytes;  // of the last whole frame before the first that is not
  RecordCounts counts = {};
  // A whole frame follows the one that is not: that one is damaged, or the machine lost power in
  // the middle of a write of several.
  bool has_more = false;
};
absl::StatusOr<SegmentScan> ScanSegment(LogFile& file, uint64_t sequence);

}  // namespace millrace

#endif  // MILLRACE_RECORD_LOG_SEGMENT_SCAN_H_
