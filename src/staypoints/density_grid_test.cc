#include "staypoints/density_grid.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace millrace {
namespace {

uint64_t StaysOf(const DensityGrid& grid) {
  uint64_t stays = 0;
  for (const DensityGrid::Cell& cell : grid.cells()) stays += cell.stats.stays;
  return stays;
}

// `count` places in a disc of some kilometres.
DensityGrid Town(int count, double lat, double lng) {
  DensityGrid grid;
  for (int i = 0; i < count; ++i) {
    const double radius = 0.05 * std::sqrt(i / static_cast<double>(count));
    grid.Add(lat + radius * std::cos(i * 2.4), lng + radius * std::sin(i * 2.4), 60);
  }
  return grid;
}

TEST(DensityGridTest, PlacesFallIntoTheirCell) {
  DensityGrid grid;
  grid.Add(-33.8568, 151.2153, 10);
  grid.Add(-33.8568, 151.2153, 20);
  ASSERT_EQ(grid.cells().size(), 1u);
  const DensityGrid::Cell cell = grid.cells()[0];
  EXPECT_EQ(cell.stats.stays, 2u);
  EXPECT_EQ(cell.stats.seconds, 30);
  const double size = grid.cell_degrees();
  EXPECT_LE(cell.y * size, -33.8568);
  EXPECT_GT((cell.y + 1) * size, -33.8568);
  EXPECT_LE(cell.x * size, 151.2153);
  EXPECT_GT((cell.x + 1) * size, 151.2153);
}

TEST(DensityGridTest, CellsGrowToBoundTheirNumber) {
  const DensityGrid grid = Town(500'000, 48, 11);
  EXPECT_LE(grid.cells().size(), DensityGrid::kMaxCells);
  EXPECT_EQ(StaysOf(grid), 500'000u);
  EXPECT_LT(grid.cell_degrees(), 0.002);
}

TEST(DensityGridTest, MergesGridsOfAnyCellSize) {
  DensityGrid fine = Town(100, 48, 11);
  const DensityGrid coarse = Town(500'000, 48, 11);
  DensityGrid other = coarse;
  other.Merge(fine);
  fine.Merge(coarse);
  EXPECT_EQ(StaysOf(fine), 500'100u);
  EXPECT_EQ(StaysOf(other), 500'100u);
  EXPECT_EQ(fine.cell_degrees(), other.cell_degrees());
  EXPECT_EQ(fine.cells().size(), other.cells().size());
}

TEST(DensityGridTest, CountsEveryDouble) {
  DensityGrid grid;
  for (const double value :
       {0.0, -90.0, 1e300, -1e300, 180.0, 720.1, std::numeric_limits<double>::infinity()}) {
    grid.Add(value, value, 1);
    grid.Add(-value, value, 1);
  }
  EXPECT_EQ(StaysOf(grid), 14u);
}

TEST(ExtentTest, OutliersAreCountedButDoNotAffectTheZoom) {
  DensityGrid grid = Town(10'000, 42.3, -72.6);
  grid.Add(2.1, -72.6, 1);
  grid.Add(42.3, -7.4, 1);
  grid.Add(0, 0, 1);
  const Extent extent = ExtentOf(grid);
  EXPECT_EQ(extent.inside, 10'000u);
  EXPECT_EQ(extent.outside, 3u);
  EXPECT_NEAR(extent.south, 42.25, 0.01);
  EXPECT_NEAR(extent.north, 42.35, 0.01);
  EXPECT_NEAR(extent.west, -72.65, 0.01);
  EXPECT_NEAR(extent.east, -72.55, 0.01);
}

TEST(ExtentTest, OnePlaceOrNone) {
  EXPECT_EQ(ExtentOf(DensityGrid()).inside, 0u);
  DensityGrid grid;
  grid.Add(1, 2, 3);
  EXPECT_EQ(ExtentOf(grid).inside, 1u);
  EXPECT_GT(ExtentOf(grid).north, ExtentOf(grid).south);
}

}  // namespace
}  // namespace millrace
