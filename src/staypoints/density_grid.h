// Counts events per place, in bounded memory and without knowing the extent in advance.
#ifndef MILLRACE_STAYPOINTS_DENSITY_GRID_H_
#define MILLRACE_STAYPOINTS_DENSITY_GRID_H_

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace millrace {

// Square cells of latitude and longitude. They begin at 1/16,384 degree (about 7 m) and double in
// size whenever there would be more than kMaxCells of them. Not thread-safe.
class DensityGrid {
 public:
  static constexpr size_t kMaxCells = 1 << 16;

  struct Tally {
    uint64_t stays = 0;
    double seconds = 0;
  };
  struct Cell {
    int32_t x = 0;  // longitude / cell_degrees(), rounded down
    int32_t y = 0;  // latitude
    Tally stats;
  };

  // Degrees, within +-90 and +-180 or not: every double is counted somewhere.
  void Add(double lat, double lng, double seconds);
  // Adds the other's counts; its cells may be of another size.
  void Merge(const DensityGrid& other);

  double cell_degrees() const;
  // In no order.
  std::vector<Cell> cells() const;

 private:
  static uint64_t KeyOf(int32_t x, int32_t y);
  void Put(int32_t x, int32_t y, const Tally& stats);
  void Coarsen();

  int coarsened_ = 0;  // how often the size was doubled
  absl::flat_hash_map<uint64_t, Tally> cells_;
};

// The part of the world to show: all stays, except those that are further from the middle 98 % than
// the width of these.
struct Extent {
  double south = 0, north = 0, west = 0, east = 0;
  uint64_t inside = 0;  // stays
  uint64_t outside = 0;
};
Extent ExtentOf(const DensityGrid& grid);

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_DENSITY_GRID_H_
