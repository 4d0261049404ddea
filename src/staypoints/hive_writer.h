// "p1=ab/p2=cd/data.parquet" for each output partition, users in byte order of their ids.
#ifndef MILLRACE_STAYPOINTS_HIVE_WRITER_H_
#define MILLRACE_STAYPOINTS_HIVE_WRITER_H_

#include <memory>

#include "staypoints/staypoint_writer.h"

namespace millrace {

// See NewStaypointWriter(). A partition that is spread over several ranges is one file all the
// same: each range goes on with the file that the range before left open.
std::unique_ptr<StaypointWriter> NewHiveWriter(const StaypointWriterOptions& options,
                                               const IdRanges& ranges, OutputTree& tree,
                                               ScratchFile& scratch);

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_HIVE_WRITER_H_
