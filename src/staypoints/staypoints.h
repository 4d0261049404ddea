// Trips to staypoints: reads all trips, sorts them by user, and writes for each user where and how
// long the user stayed between two trips. Semantics: docs/verbs/staypoints.md.
#ifndef MILLRACE_STAYPOINTS_STAYPOINTS_H_
#define MILLRACE_STAYPOINTS_STAYPOINTS_H_

#include <atomic>
#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "pipeline/dead_letter_queue.h"
#include "staypoints/staypoint_block.h"
#include "staypoints/staypoint_builder.h"
#include "staypoints/staypoint_writer.h"
#include "staypoints/trip_source.h"
#include "stores/open_store.h"

namespace millrace {

struct StaypointsRequest {
  TripSource& source;
  DeadLetterQueue& dead_letter;
  std::string output;       // folder, or prefix of a bucket
  std::string report = {};  // file that the caller will write afterwards; empty: none
  StaypointFormat format = StaypointFormat::kJson;
  StayRules rules = {};
  uint64_t memory = 0;  // bytes, for the whole process
  size_t workers = 1;
  std::string temp_folder = {};  // for data that does not fit memory; empty: next to the output
  StoreOptions stores = {};      // access to an output in a bucket
  StaypointObserver* observer = nullptr;  // may be null
};

struct StaypointsReport {
  absl::Status status;  // if it is not ok, there is no new output
  uint64_t trips = 0;   // rows that were read, including rejected ones
  uint64_t rejected = 0;
  uint64_t deleted = 0;        // rows that the source marked as deleted; not counted as trips
  uint64_t without_start = 0;  // trips with a null start, which end no stay and begin none
  StayCounts stays;
  uint64_t files = 0;
  uint64_t files_hidden = 0;  // skipped: their names begin with '.' or '_'
  uint64_t bytes_spilled = 0;
  absl::Duration elapsed;
  std::string first_error;  // of the rejected rows, by file and row
};

// The progress of a run.
struct StaypointsProgress {
  enum class Phase { kLooking, kReading, kSorting, kDone };

  std::atomic<Phase> phase = Phase::kLooking;
  std::atomic<uint64_t> rows = 0;
  std::atomic<uint64_t> estimated_rows = 0;  // in all files; an estimate for text
  std::atomic<uint64_t> rejected = 0;
  std::atomic<uint64_t> ranges = 0;  // parts of the sorting and writing
  std::atomic<uint64_t> ranges_done = 0;
  std::atomic<uint64_t> staypoints = 0;
  std::atomic<uint64_t> bytes_spilled = 0;
};

// Blocking, on `workers` threads. Status codes: Cancelled after a stop was requested;
// ResourceExhausted for a full disk; InvalidArgument if the output or the report overlaps with an
// input; FailedPrecondition if the place of the output contains something else, or if there is no
// trip while an earlier output has staypoints; those of the files. On failure no partial output
// remains.
StaypointsReport FindStaypoints(const StaypointsRequest& request, StaypointsProgress& progress,
                                std::stop_token stop);

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_STAYPOINTS_H_
