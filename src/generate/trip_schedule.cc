#include "generate/trip_schedule.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "generate/random.h"

namespace millrace {
namespace {

constexpr int kMaxLevelBits = 16;
constexpr uint64_t kFactor = 2654435761;  // prime and above any epoch's size: always invertible

// 1 / kFactor modulo `size` (extended Euclid).
uint64_t InverseOfFactor(uint64_t size) {
  int64_t a = static_cast<int64_t>(kFactor % size), b = static_cast<int64_t>(size);
  int64_t x = 1, y = 0;
  while (a > 1 && b > 0) {
    const int64_t quotient = a / b;
    a = std::exchange(b, a - quotient * b);
    x = std::exchange(y, x - quotient * y);
  }
  return static_cast<uint64_t>(x < 0 ? x + static_cast<int64_t>(size) : x) % size;
}

// Users per level in proportion to 2^(-slope * level), `users` in all.
std::vector<double> PowerLaw(double slope, size_t levels, double users) {
  std::vector<double> counts(levels);
  double sum = 0;
  for (size_t i = 0; i < levels; ++i) {
    sum += counts[i] = std::exp2(-slope * static_cast<double>(i));
  }
  for (double& count : counts) count *= users / sum;
  return counts;
}

double TripsOf(const std::vector<double>& counts) {
  double trips = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    trips += counts[i] * static_cast<double>(uint64_t{1} << i);
  }
  return trips;
}

// Whole users per level, `users` in all, that make at least `rows` trips, but hardly more.
std::vector<uint64_t> UsersPerLevel(size_t levels, uint64_t rows, uint64_t users) {
  double low = -64, high = 64;
  for (int i = 0; i < 100; ++i) {
    const double slope = (low + high) / 2;
    const bool too_many =
        TripsOf(PowerLaw(slope, levels, static_cast<double>(users))) > static_cast<double>(rows);
    (too_many ? low : high) = slope;
  }
  const std::vector<double> wanted = PowerLaw(high, levels, static_cast<double>(users));
  std::vector<uint64_t> counts(levels, 0);
  counts[0] = users;
  uint64_t left = rows - users;  // trips beyond one per user
  const auto raise = [&](size_t level, uint64_t want) {
    const uint64_t extra = (uint64_t{1} << level) - 1;
    const uint64_t take = std::min({want, counts[0], left / extra});
    counts[level] += take;
    counts[0] -= take;
    left -= take * extra;
  };
  for (size_t level = levels; --level > 0;) raise(level, static_cast<uint64_t>(wanted[level]));
  for (size_t level = levels; --level > 0;) raise(level, left);
  // If nobody is left at level 0, users of the lowest level move up by one. The excess is dropped
  // at the end of the rows.
  for (size_t level = 1; left > 0 && level + 1 < levels; ++level) {
    const uint64_t extra = uint64_t{1} << level;
    const uint64_t take = std::min(counts[level], (left + extra - 1) / extra);
    counts[level] -= take;
    counts[level + 1] += take;
    left -= std::min(left, take * extra);
  }
  return counts;
}

}  // namespace

TripSchedule::TripSchedule(uint64_t seed, uint64_t rows, uint64_t users)
    : seed_(seed), rows_(rows) {
  ChooseLevels(rows, users);
  LayOutEpochs();
}

void TripSchedule::ChooseLevels(uint64_t rows, uint64_t users) {
  // The hottest of 1,000 trips has 64, of 10 million 16,384.
  const int bits = std::min(kMaxLevelBits, static_cast<int>(std::bit_width(rows)) * 3 / 5);
  const auto levels = static_cast<size_t>(bits) + 1;
  std::vector<uint64_t> counts(levels, 0);
  const uint64_t epochs = uint64_t{1} << bits;
  if (rows / users >= epochs) {
    per_epoch_ = (rows + users * epochs - 1) / (users * epochs);
    counts.back() = users;
  } else {
    counts = UsersPerLevel(levels, rows, users);
  }
  levels_.resize(levels);
  uint64_t first_user = 0;
  for (size_t i = levels; i-- > 0;) {
    levels_[i] = {counts[i], first_user, bits - static_cast<int>(i)};
    first_user += counts[i];
  }
  epochs_.resize(epochs);
}

void TripSchedule::LayOutEpochs() {
  begins_.reserve(epochs_.size() * (levels_.size() + 1));
  uint64_t row = 0;
  for (uint64_t number = 0; number < epochs_.size(); ++number) {
    uint64_t size = 0;
    for (const Level& level : levels_) {
      begins_.push_back(static_cast<uint32_t>(size));
      const Due due = DueIn(level, number);
      size += due.last - due.first;
    }
    begins_.push_back(static_cast<uint32_t>(size));
    epochs_[number] = {row, size, size > 0 ? InverseOfFactor(size) : 0};
    row += size;
  }
}

uint64_t TripSchedule::Mask(const Level& level, uint64_t window) const {
  const uint64_t level_seed = seed_ + static_cast<uint64_t>(level.window_bits);
  return Mix(level_seed, window) & ((uint64_t{1} << level.window_bits) - 1);
}

TripSchedule::Due TripSchedule::DueIn(const Level& level, uint64_t epoch) const {
  const int bits = level.window_bits;
  if (bits == 0) return {0, level.users * per_epoch_};
  const uint64_t size = uint64_t{1} << bits;
  const uint64_t group = (epoch & (size - 1)) ^ Mask(level, epoch >> bits);
  return {level.users * group / size, level.users * (group + 1) / size};
}

// Several trips of one user in an epoch must stay in order, so nothing is shuffled.
uint64_t TripSchedule::PositionOf(const Epoch& epoch, uint64_t offset) const {
  return per_epoch_ > 1 ? offset : offset * (kFactor % epoch.size) % epoch.size;
}

uint64_t TripSchedule::OffsetOf(const Epoch& epoch, uint64_t position) const {
  return per_epoch_ > 1 ? position : position * epoch.inverse % epoch.size;
}

std::optional<uint64_t> TripSchedule::RowOf(uint64_t epoch, size_t level, uint64_t place) const {
  const uint64_t position = begins_[epoch * (levels_.size() + 1) + level] + place;
  const uint64_t row = epochs_[epoch].first_row + OffsetOf(epochs_[epoch], position);
  if (row >= rows_) return std::nullopt;
  return row;
}

TripSchedule::Slot TripSchedule::At(uint64_t row) const {
  const auto behind =
      std::upper_bound(epochs_.begin(), epochs_.end(), row,
                       [](uint64_t value, const Epoch& epoch) { return value < epoch.first_row; });
  const auto number = static_cast<uint64_t>(behind - epochs_.begin()) - 1;
  const uint64_t position = PositionOf(epochs_[number], row - epochs_[number].first_row);
  const auto begins = begins_.begin() + static_cast<int64_t>(number * (levels_.size() + 1));
  const auto index = static_cast<size_t>(
      std::upper_bound(begins, begins + static_cast<int64_t>(levels_.size()), position) - begins -
      1);
  const Level& level = levels_[index];
  const uint64_t place = position - begins[static_cast<int64_t>(index)];
  const int bits = level.window_bits;
  if (bits == 0) {
    const uint64_t turn = place / level.users;
    Slot slot = {level.first_user + place % level.users, number * per_epoch_ + turn, {}};
    if (turn + 1 < per_epoch_) {
      slot.next_row = RowOf(number, index, place + level.users);
    } else if (number + 1 < epochs_.size()) {
      slot.next_row = RowOf(number + 1, index, place % level.users);
    }
    return slot;
  }
  const uint64_t window = number >> bits;
  Slot slot = {level.first_user + DueIn(level, number).first + place, window, {}};
  if (((window + 1) << bits) < epochs_.size()) {
    const uint64_t group = (number & ((uint64_t{1} << bits) - 1)) ^ Mask(level, window);
    slot.next_row = RowOf(((window + 1) << bits) + (group ^ Mask(level, window + 1)), index, place);
  }
  return slot;
}

}  // namespace millrace
