// "p1=ab/p2=cd/data.parquet" for each output partition, users in byte order of their ids.
#ifndef MILLRACE_STAYPOINTS_HIVE_WRITER_H_
#define MILLRACE_STAYPOINTS_HIVE_WRITER_H_

#include <memory>

#include "staypoints/staypoint_writer.h"

namespace millrace {

// See NewStaypointWriter(). A partition that spans several ranges is still one file: each range
// continues the file that the previous range left open.
std::unique_ptr<StaypointWriter> NewHiveWriter(const StaypointWriterOptions& options,
                                               const IdRanges& ranges, OutputTree& tree,
                                               ScratchFile& scratch);

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_HIVE_WRITER_H_
