// Makes a damaged part of a segment readable, so that what follows it can be delivered.
#ifndef MILLRACE_RECORD_LOG_DAMAGED_PART_H_
#define MILLRACE_RECORD_LOG_DAMAGED_PART_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "base/record_type.h"
#include "record_log/log_files.h"
#include "record_log/segment_scan.h"

namespace millrace {

struct LostRecords {
  RecordType type = RecordType::kEvent;
  uint32_t count = 0;
};

// Writes a frame over `part`, which is not synced. Its records are what was found there, but begin
// with '!', which is no JSON: every destination rejects them. They are as many as the frame says
// that it had, because positions in a segment are counted in records; or, if that is damaged, as
// there are ends of lines. For a part that was never written they are blank, and as few as can be.
absl::StatusOr<LostRecords> ReplaceDamagedPart(LogFile& file, uint64_t sequence,
                                               const DamagedPart& part);

}  // namespace millrace

#endif  // MILLRACE_RECORD_LOG_DAMAGED_PART_H_
