// What a report shows of a run: where, how long and when people stay. Uses fixed memory, whatever
// the run.
#ifndef MILLRACE_STAYPOINTS_STAY_STATS_H_
#define MILLRACE_STAYPOINTS_STAY_STATS_H_

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "staypoints/density_grid.h"
#include "staypoints/staypoint_block.h"

namespace millrace {

// Lengths of stays in bins of equal width on a logarithmic scale: five per factor of ten, from one
// second to a thousand million seconds (32 years).
inline constexpr int kLengthBinsPerDecade = 5;
inline constexpr int kLengthBins = 9 * kLengthBinsPerDecade;

struct StayStats {
  DensityGrid where;
  std::array<uint64_t, kLengthBins> lengths = {};
  std::array<std::array<uint64_t, 24>, 7> arrivals = {};  // [day, Monday first][hour] of the enter
  uint64_t stays = 0;
  uint64_t negative = 0;   // exit before enter: in no length
  uint64_t momentary = 0;  // shorter than a second: in no length bin
  uint64_t without_place = 0;
  uint64_t without_enter = 0;  // no length, no arrival
  int64_t first_enter = kNullTime;
  int64_t last_exit = -kNullTime;

  void Add(int64_t enter, int64_t exit, double lat, double lng);
  void Merge(const StayStats& other);
  // The median of the stays of lengths[], in seconds, by interpolation in its bin; 0 if there are
  // none.
  double MedianSeconds() const;
};

// Collects the statistics of a run; one per run.
class StayStatsObserver : public StaypointObserver {
 public:
  void Begin(int workers) override;
  void OnStaypoints(int worker, const StaypointBlock& block) override;
  // Called after the run.
  StayStats Total() const;

 private:
  std::vector<std::unique_ptr<StayStats>> workers_;
};

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_STAY_STATS_H_
