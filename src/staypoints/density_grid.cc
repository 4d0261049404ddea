#include "staypoints/density_grid.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

namespace millrace {
namespace {

constexpr double kCellsPerDegree = 16'384;

int32_t CellOf(double degrees, int coarsened) {
  // Coordinates outside the globe are errors, and must not wrap around.
  const double bounded = std::clamp(degrees, -720.0, 720.0);
  return static_cast<int32_t>(std::floor(bounded * kCellsPerDegree)) >> coarsened;
}

// The minimum and maximum of the values without outliers.
std::pair<int32_t, int32_t> RobustRange(
    const std::vector<DensityGrid::Cell>& cells,
    const std::function<int32_t(const DensityGrid::Cell&)>& of) {
  std::vector<std::pair<int32_t, uint64_t>> values;
  values.reserve(cells.size());
  uint64_t total = 0;
  for (const DensityGrid::Cell& cell : cells) {
    values.emplace_back(of(cell), cell.stats.stays);
    total += cell.stats.stays;
  }
  std::sort(values.begin(), values.end());
  const auto quantile = [&](double share) {
    const auto rank = static_cast<uint64_t>(share * static_cast<double>(total));
    uint64_t seen = 0;
    for (const auto& [value, stays] : values) {
      if ((seen += stays) > rank) return value;
    }
    return values.back().first;
  };
  const int64_t low = quantile(0.01), high = quantile(0.99);
  const int64_t width = std::max<int64_t>(high - low, 1);
  std::pair<int32_t, int32_t> range = {INT32_MAX, INT32_MIN};
  for (const auto& [value, stays] : values) {
    if (value < low - width || value > high + width) continue;
    range = {std::min(range.first, value), std::max(range.second, value)};
  }
  return range;
}

}  // namespace

void DensityGrid::Add(double lat, double lng, double seconds) {
  Put(CellOf(lng, coarsened_), CellOf(lat, coarsened_), {1, seconds});
}

void DensityGrid::Merge(const DensityGrid& other) {
  while (coarsened_ < other.coarsened_) Coarsen();
  for (const Cell& cell : other.cells()) {
    // Adding a cell may coarsen this grid further.
    const int shift = coarsened_ - other.coarsened_;
    Put(cell.x >> shift, cell.y >> shift, cell.stats);
  }
}

double DensityGrid::cell_degrees() const { return std::ldexp(1 / kCellsPerDegree, coarsened_); }

std::vector<DensityGrid::Cell> DensityGrid::cells() const {
  std::vector<Cell> cells;
  cells.reserve(cells_.size());
  for (const auto& [key, stats] : cells_) {
    cells.push_back({static_cast<int32_t>(key >> 32), static_cast<int32_t>(key), stats});
  }
  return cells;
}

uint64_t DensityGrid::KeyOf(int32_t x, int32_t y) {
  return static_cast<uint64_t>(static_cast<uint32_t>(x)) << 32 | static_cast<uint32_t>(y);
}

void DensityGrid::Put(int32_t x, int32_t y, const Tally& stats) {
  Tally& cell = cells_[KeyOf(x, y)];
  cell.stays += stats.stays;
  cell.seconds += stats.seconds;
  while (cells_.size() > kMaxCells) Coarsen();
}

void DensityGrid::Coarsen() {
  const absl::flat_hash_map<uint64_t, Tally> fine = std::exchange(cells_, {});
  ++coarsened_;
  for (const auto& [key, stats] : fine) {
    Tally& cell =
        cells_[KeyOf(static_cast<int32_t>(key >> 32) >> 1, static_cast<int32_t>(key) >> 1)];
    cell.stays += stats.stays;
    cell.seconds += stats.seconds;
  }
}

Extent ExtentOf(const DensityGrid& grid) {
  const std::vector<DensityGrid::Cell> cells = grid.cells();
  if (cells.empty()) return {};
  const auto [west, east] =
      RobustRange(cells, [](const DensityGrid::Cell& cell) { return cell.x; });
  const auto [south, north] =
      RobustRange(cells, [](const DensityGrid::Cell& cell) { return cell.y; });
  Extent extent;
  const double size = grid.cell_degrees();
  extent.south = south * size;
  extent.north = (north + 1) * size;
  extent.west = west * size;
  extent.east = (east + 1) * size;
  for (const DensityGrid::Cell& cell : cells) {
    const bool is_inside = cell.x >= west && cell.x <= east && cell.y >= south && cell.y <= north;
    (is_inside ? extent.inside : extent.outside) += cell.stats.stays;
  }
  return extent;
}

}  // namespace millrace
