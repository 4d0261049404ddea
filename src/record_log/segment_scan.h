// Finds out what a segment has after a crash.
#ifndef MILLRACE_RECORD_LOG_SEGMENT_SCAN_H_
#define MILLRACE_RECORD_LOG_SEGMENT_SCAN_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "record_log/frame.h"
#include "record_log/log_files.h"

namespace millrace {

// DataLoss: there is no seal of this segment at `seal_at`.
absl::StatusOr<RecordCounts> ReadSeal(LogFile& file, uint64_t sequence, uint64_t seal_at);

// A part of a segment that is no whole frame though one follows: it is damaged, or the machine lost
// power in the middle of a write of several frames. It has room for the head of a frame and a
// record.
struct DamagedPart {
  uint64_t begin = 0;
  uint64_t end = 0;
  // There is nothing, or a frame of an earlier segment: the write never reached the disk.
  bool is_unwritten = false;
};

struct SegmentScan {
  uint64_t end = kSegmentHeaderBytes;  // of the last whole frame
  RecordCounts counts = {};            // of whole frames
  std::vector<DamagedPart> damaged;    // before `end`
};
// Reads all of the file.
absl::StatusOr<SegmentScan> ScanSegment(LogFile& file, uint64_t sequence);

}  // namespace millrace

#endif  // MILLRACE_RECORD_LOG_SEGMENT_SCAN_H_
