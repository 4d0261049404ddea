// The first half of a run: reads all files and distributes their trips to ranges of user ids.
#ifndef MILLRACE_STAYPOINTS_TRIP_SCATTER_H_
#define MILLRACE_STAYPOINTS_TRIP_SCATTER_H_

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "staypoints/id_ranges.h"
#include "staypoints/rejected_trips.h"
#include "staypoints/staypoints.h"
#include "staypoints/trip_reader.h"
#include "staypoints/trip_store.h"

namespace millrace {

// Estimates for all files from some of them.
struct TripSample {
  std::vector<std::string> ids;
  uint64_t about_trips = 0;
};

// Opens up to 16 files, evenly spread over `files`, on `workers` threads.
absl::StatusOr<TripSample> SampleTrips(const std::vector<TripFile>& files, size_t workers,
                                       std::stop_token stop);

struct ScatterCounts {
  uint64_t rows = 0;
  uint64_t deleted = 0;
  uint64_t without_start = 0;
  bool has_columns_by_row = false;  // some of the files have no header
  ColumnSet columns_by_row;         // what their rows have
};

// Reads `files`, and puts their trips into `store`, on `workers` threads. InvalidArgument, besides
// what single files may cause, if no row of the files without a header has one of the columns.
absl::StatusOr<ScatterCounts> ScatterTrips(const std::vector<TripFile>& files,
                                           const IdRanges& ranges, size_t workers,
                                           RejectedTrips& rejected, TripStore& store,
                                           StaypointsProgress& progress, std::stop_token stop);

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_TRIP_SCATTER_H_
