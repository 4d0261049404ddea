#include "staypoints/staypoint_writer.h"

#include "staypoints/hive_writer.h"
#include "staypoints/text_writer.h"

namespace millrace {

absl::StatusOr<std::unique_ptr<StaypointWriter>> NewStaypointWriter(
    const StaypointWriterOptions& options, const IdRanges& ranges, OutputTree& tree,
    ScratchFile& scratch) {
  if (options.format == StaypointFormat::kHive) {
    return NewHiveWriter(options, ranges, tree, scratch);
  }
  return NewTextWriter(options, ranges, tree);
}

}  // namespace millrace
