// "staypoints.json" or "staypoints.csv": one file, users in byte order of their ids.
#ifndef MILLRACE_STAYPOINTS_TEXT_WRITER_H_
#define MILLRACE_STAYPOINTS_TEXT_WRITER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "staypoints/staypoint_writer.h"

namespace millrace {

// See NewStaypointWriter(). Ranges are encoded at the same time and written one after another.
absl::StatusOr<std::unique_ptr<StaypointWriter>> NewTextWriter(
    const StaypointWriterOptions& options, const IdRanges& ranges, OutputTree& tree);

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_TEXT_WRITER_H_
