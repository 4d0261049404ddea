#include "staypoints/stay_stats.h"

#include <algorithm>
#include <cmath>

namespace millrace {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kHour = 3600 * kSecond;

int64_t FloorDivide(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

}  // namespace

void StayStats::Add(int64_t enter, int64_t exit, double lat, double lng) {
  ++stays;
  double seconds = 0;
  last_exit = std::max(last_exit, exit);
  if (enter == kNullTime) {
    ++without_enter;
  } else {
    first_enter = std::min(first_enter, enter);
    const int64_t hour = FloorDivide(enter, kHour);
    // 1970-01-01 was a Thursday.
    const int64_t day = ((FloorDivide(hour, 24) + 3) % 7 + 7) % 7;
    ++arrivals[static_cast<size_t>(day)][static_cast<size_t>((hour % 24 + 24) % 24)];
    if (exit < enter) {
      ++negative;
    } else if (exit - enter < kSecond) {
      ++momentary;
    } else {
      seconds = static_cast<double>(exit - enter) / kSecond;
      const int bin = static_cast<int>(std::log10(seconds) * kLengthBinsPerDecade);
      ++lengths[static_cast<size_t>(std::clamp(bin, 0, kLengthBins - 1))];
    }
  }
  if (std::isnan(lat) || std::isnan(lng)) {
    ++without_place;
  } else {
    where.Add(lat, lng, seconds);
  }
}

void StayStats::Merge(const StayStats& other) {
  where.Merge(other.where);
  for (size_t i = 0; i < lengths.size(); ++i) lengths[i] += other.lengths[i];
  for (size_t day = 0; day < arrivals.size(); ++day) {
    for (size_t hour = 0; hour < 24; ++hour) arrivals[day][hour] += other.arrivals[day][hour];
  }
  stays += other.stays;
  negative += other.negative;
  momentary += other.momentary;
  without_place += other.without_place;
  without_enter += other.without_enter;
  first_enter = std::min(first_enter, other.first_enter);
  last_exit = std::max(last_exit, other.last_exit);
}

double StayStats::MedianSeconds() const {
  uint64_t total = 0;
  for (const uint64_t count : lengths) total += count;
  const double half = static_cast<double>(total) / 2;
  double seen = 0;
  for (size_t bin = 0; bin < lengths.size(); ++bin) {
    const auto count = static_cast<double>(lengths[bin]);
    if (count > 0 && seen + count >= half) {
      const double place = static_cast<double>(bin) + (half - seen) / count;
      return std::pow(10, place / kLengthBinsPerDecade);
    }
    seen += count;
  }
  return 0;
}

void StayStatsObserver::Begin(int workers) {
  for (int i = 0; i < workers; ++i) workers_.push_back(std::make_unique<StayStats>());
}

void StayStatsObserver::OnStaypoints(int worker, const StaypointBlock& block) {
  StayStats& stats = *workers_[static_cast<size_t>(worker)];
  for (size_t i = 0; i < block.staypoints(); ++i) {
    stats.Add(block.enter[i], block.exit[i], block.lat[i], block.lng[i]);
  }
}

StayStats StayStatsObserver::Total() const {
  StayStats total;
  for (const auto& worker : workers_) total.Merge(*worker);
  return total;
}

}  // namespace millrace
