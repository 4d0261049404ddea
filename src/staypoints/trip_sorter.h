// Sorts the trips of one range: users in byte order of their ids, each user's trips in their total
// order (TripBefore). In memory if they fit, else in sorted runs on disk that are merged.
#ifndef MILLRACE_STAYPOINTS_TRIP_SORTER_H_
#define MILLRACE_STAYPOINTS_TRIP_SORTER_H_

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "io/scratch_file.h"
#include "staypoints/staypoint_builder.h"
#include "staypoints/trip_store.h"
#include "staypoints/user_groups.h"

namespace millrace {

// One thread at a time; its memory is reused from range to range.
class TripSorter {
 public:
  // Uses about `memory` bytes, at least 4 MB. `scratch` must outlive it.
  TripSorter(ScratchFile& scratch, size_t memory);
  ~TripSorter();

  // Passes all of `trips` to `to` and frees their space on disk. Cancelled when `stop` is
  // requested.
  absl::Status Sort(StoredTrips trips, StaypointBuilder& to, std::stop_token stop);

 private:
  struct Run;
  class RunWriter;
  class RunReader;
  using Emit = absl::FunctionRef<absl::Status(const TripRecord&, bool begins_user)>;

  bool FitsMemory(const StoredTrips& trips) const;
  // Reads `extents`, one after the other, into memory that is valid until the next call.
  absl::StatusOr<std::string_view> Load(absl::Span<const ScratchFile::Extent> extents);
  absl::StatusOr<std::vector<Run>> MakeRuns(const StoredTrips& trips, std::stop_token stop);
  absl::StatusOr<Run> MakeRun(absl::Span<const std::string_view> pieces);
  absl::Status Merge(absl::Span<const Run> runs, const std::stop_token& stop, Emit emit);
  absl::Status MergeAll(std::vector<Run> runs, StaypointBuilder& to, std::stop_token stop);

  ScratchFile& scratch_;
  const size_t memory_;
  UserGroups groups_;
  struct FreeBytes {
    void operator()(char* bytes) const;
  };
  std::unique_ptr<char[], FreeBytes> loaded_;  // aligned to 64 bytes
  size_t loaded_bytes_ = 0;
};

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_TRIP_SORTER_H_
