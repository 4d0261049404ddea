// A trip: row i of a seeded stream of trips.
#ifndef MILLRACE_GENERATE_TRIP_MODEL_H_
#define MILLRACE_GENERATE_TRIP_MODEL_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "generate/row_maker.h"
#include "generate/trip_schedule.h"

namespace millrace {

enum class TripUserIds {
  kUuid,    // 36 characters
  kNumber,  // user-1000037: all in the partition p1=us/p2=er
};

struct TripModelOptions {
  uint64_t seed = 1;
  uint64_t rows = 1;
  uint64_t users = 1;  // at most rows; each makes at least one trip
  TripUserIds ids = TripUserIds::kUuid;
  int hex_digits = 4;    // UUIDs: how many of the first four digits vary; 16^n output partitions
  int64_t begin_us = 0;  // trips start in [begin_us, end_us), microseconds since the epoch;
  int64_t end_us = 0;    // whole weeks
};

// Trips nearly in the order of their start, more by day than by night. A user moves between a home,
// a place of work and other places of one town; a trip begins where the one before it ended, some
// metres off. A few in a thousand are imperfect, as in real data: with zero length, beginning at
// the same instant as the next one, or ending after it began. Keeps no state between rows.
class TripModel : public RowMaker {
 public:
  explicit TripModel(const TripModelOptions& options);

  // user_id, trip_start_time, trip_end_time (without a zone), start_lat, start_lng, end_lat,
  // end_lng.
  absl::Span<const OutputColumn> columns() const override;
  absl::Span<const Value> Make(uint64_t row) override;

 private:
  static constexpr size_t kColumns = 7;
  struct Point {
    double lat = 0;
    double lng = 0;
  };

  int64_t StartOf(uint64_t row) const;
  int64_t Warp(int64_t time_us) const;
  // Where user `user_seed` is before trip `trip`, as measured: `reading` shifts it by some metres.
  static Point PlaceOf(uint64_t user_seed, uint64_t trip, uint64_t reading);
  void MakeUserId(uint64_t user, uint64_t user_seed);

  const TripModelOptions options_;
  const TripSchedule schedule_;
  const int64_t jitter_us_;
  std::vector<int64_t> rhythm_;  // running sums of the hours' weights, a week from begin_us on
  std::string user_id_;
  std::array<Value, kColumns> cells_;
};

}  // namespace millrace

#endif  // MILLRACE_GENERATE_TRIP_MODEL_H_
