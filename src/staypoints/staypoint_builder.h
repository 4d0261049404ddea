// Turns one user's sorted trips into staypoints, and those into blocks of one output partition.
#ifndef MILLRACE_STAYPOINTS_STAYPOINT_BUILDER_H_
#define MILLRACE_STAYPOINTS_STAYPOINT_BUILDER_H_

#include <cstdint>
#include <functional>
#include <optional>

#include "absl/status/status.h"
#include "staypoints/staypoint_block.h"
#include "staypoints/trip_record.h"

namespace millrace {

// Which staypoints are left out; by default none. Lengths are exit - enter in microseconds; a
// staypoint whose enter is null has no length, so no limit applies to it.
struct StayRules {
  std::optional<int64_t> min_stay;  // shorter ones are left out
  std::optional<int64_t> max_gap;   // longer ones are
  bool drop_overlaps = false;       // those whose exit is before their enter are left out
};

struct StayCounts {
  uint64_t users = 0;  // with at least one staypoint
  uint64_t staypoints = 0;
  uint64_t overlaps = 0;  // exit before enter, written or not
  uint64_t left_out = 0;  // by the rules
  StayCounts& operator+=(const StayCounts& other);
};

// One thread at a time.
class StaypointBuilder {
 public:
  // Called with each block that is full or is followed by another partition; the block is reused.
  using Sink = std::function<absl::Status(const StaypointBlock&)>;

  StaypointBuilder(const StayRules& rules, Sink sink);

  // The trips that follow are those of the user of `trip`. Users come in byte order of their ids.
  void BeginUser(const TripRecord& trip);

  // The user's next trip, in order.
  absl::Status Add(const TripRecord& trip) {
    if (has_trip_) {
      if (absl::Status status = AddStaypoint(trip.start()); !status.ok()) return status;
    }
    has_trip_ = true;
    end_ = trip.end;
    lat_ = trip.end_lat;
    lng_ = trip.end_lng;
    return absl::OkStatus();
  }

  // Passes the last block to the sink.
  absl::Status Finish();

  const StayCounts& counts() const { return counts_; }

 private:
  absl::Status AddStaypoint(int64_t exit);
  bool IsLeftOut(int64_t enter, int64_t exit);
  // Makes the current user the last one of the block.
  absl::Status OpenUser();
  absl::Status Flush();

  const StayRules rules_;
  const bool has_rules_;
  const Sink sink_;
  StaypointBlock block_;
  StayCounts counts_;

  char id_buffer_[kMaxIdBytes];
  size_t id_size_ = 0;
  bool is_counted_ = false;  // the current user has a staypoint
  bool is_open_ = false;     // and is the last one of the block
  bool has_trip_ = false;    // a trip went before: these are its ends
  int64_t end_ = 0;
  double lat_ = 0;
  double lng_ = 0;
};

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_STAYPOINT_BUILDER_H_
