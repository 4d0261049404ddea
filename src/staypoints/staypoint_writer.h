// Writers of staypoints, one per format. Several threads write ranges of ids concurrently, and yet
// the output depends on the staypoints only.
#ifndef MILLRACE_STAYPOINTS_STAYPOINT_WRITER_H_
#define MILLRACE_STAYPOINTS_STAYPOINT_WRITER_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "io/scratch_file.h"
#include "staypoints/id_ranges.h"
#include "staypoints/output_tree.h"
#include "staypoints/staypoint_block.h"

namespace millrace {

// Thread-safe; the calls for one range come from one thread, and ranges begin in ascending order.
class StaypointWriter {
 public:
  virtual ~StaypointWriter() = default;
  // The next block of `range`.
  virtual absl::Status Write(size_t range, const StaypointBlock& block) = 0;
  // There are no more blocks of `range`; called for each range, even those without blocks. May wait
  // for earlier ranges.
  virtual absl::Status EndRange(size_t range) = 0;
  // All ranges have ended: finishes what is still open.
  virtual absl::Status Finish() = 0;
  // After Finish(): how many files were written.
  virtual uint64_t files() const = 0;
  // Wakes callers that wait in EndRange() or Write(), with Cancelled: a range will never end.
  virtual void Cancel() = 0;
};

enum class StaypointFormat { kJson, kCsv, kHive };

struct StaypointWriterOptions {
  StaypointFormat format = StaypointFormat::kJson;
  size_t workers = 1;
  size_t memory = 64 << 20;  // of all workers together, about
};

// `ranges`, `tree` and `scratch` must outlive the writer.
absl::StatusOr<std::unique_ptr<StaypointWriter>> NewStaypointWriter(
    const StaypointWriterOptions& options, const IdRanges& ranges, OutputTree& tree,
    ScratchFile& scratch);

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_STAYPOINT_WRITER_H_
