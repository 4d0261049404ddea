// Which user makes trip number i, and when that user's next trip is: a stream of trips of many
// users, a few of them hot, without state per user.
#ifndef MILLRACE_GENERATE_TRIP_SCHEDULE_H_
#define MILLRACE_GENERATE_TRIP_SCHEDULE_H_

#include <cstdint>
#include <optional>
#include <vector>

namespace millrace {

// The rows are divided into 2^L epochs. A user of level j makes 2^j trips: one in each run of
// 2^(L-j) epochs, in an epoch of it that changes from run to run. So the row of a user's next trip
// can be computed, and nothing is stored between rows. The number of users per level follows a
// power law with the requested mean. If the mean is above 2^L, all users are of level L and make
// several trips per epoch. The memory is bounded (6 MB).
class TripSchedule {
 public:
  struct Slot {
    uint64_t user = 0;                 // below users
    uint64_t trip = 0;                 // the number of the trip for this user, from 0
    std::optional<uint64_t> next_row;  // of the user's next trip
  };

  // 1 <= users <= rows.
  TripSchedule(uint64_t seed, uint64_t rows, uint64_t users);

  // Thread-safe. `row` is below rows.
  Slot At(uint64_t row) const;

 private:
  struct Level {
    uint64_t users = 0;
    uint64_t first_user = 0;  // users are numbered from the hottest level down
    int window_bits = 0;      // a trip per 2^window_bits epochs
  };
  struct Epoch {
    uint64_t first_row = 0;
    uint64_t size = 0;
    uint64_t inverse = 0;  // of the shuffle's factor modulo size
  };
  // The users of a level with a trip in an epoch: [first, last) of the level.
  struct Due {
    uint64_t first = 0;
    uint64_t last = 0;
  };

  void ChooseLevels(uint64_t rows, uint64_t users);
  void LayOutEpochs();
  Due DueIn(const Level& level, uint64_t epoch) const;
  uint64_t Mask(const Level& level, uint64_t window) const;
  // Position among the trips of an epoch <-> place in the row order of that epoch.
  uint64_t PositionOf(const Epoch& epoch, uint64_t offset) const;
  uint64_t OffsetOf(const Epoch& epoch, uint64_t position) const;
  std::optional<uint64_t> RowOf(uint64_t epoch, size_t level, uint64_t place) const;

  const uint64_t seed_;
  const uint64_t rows_;
  uint64_t per_epoch_ = 1;  // trips of a user of the top level in an epoch
  std::vector<Level> levels_;
  std::vector<Epoch> epochs_;
  std::vector<uint32_t> begins_;  // [epoch][level]: the first position of the level's trips
};

}  // namespace millrace

#endif  // MILLRACE_GENERATE_TRIP_SCHEDULE_H_
