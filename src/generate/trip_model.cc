#include "generate/trip_model.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "generate/random.h"

namespace millrace {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kHour = 3600 * kSecond;
constexpr int64_t kWeek = 168 * kHour;
// Trips move towards the next one's start only within this time, so that rows stay nearly in order.
constexpr int64_t kMaxTie = 6 * kHour;

struct Town {
  double lat;
  double lng;
  double radius;  // degrees of latitude
};

constexpr Town kTowns[] = {
    {51.5074, -0.1278, 0.16}, {48.8566, 2.3522, 0.11},  {52.5200, 13.4050, 0.13},
    {40.4168, -3.7038, 0.11}, {41.3874, 2.1686, 0.07},  {45.4642, 9.1900, 0.08},
    {53.4808, -2.2426, 0.09}, {52.3676, 4.9041, 0.07},  {59.3293, 18.0686, 0.10},
    {38.7223, -9.1393, 0.08}, {48.2082, 16.3738, 0.09}, {50.0755, 14.4378, 0.08},
    {53.3498, -6.2603, 0.08}, {47.3769, 8.5417, 0.06},  {55.6761, 12.5683, 0.08},
    {60.1699, 24.9384, 0.09},
};

// Weights of the hours of a day, UTC.
constexpr int kWorkday[24] = {6,  4,  3,  3,  5,  14, 38, 74, 88, 56, 42, 44,
                              52, 50, 46, 52, 68, 92, 84, 60, 42, 32, 22, 12};
constexpr int kWeekend[24] = {16, 12, 9,  6,  5,  6,  10, 18, 30, 42, 54, 62,
                              66, 64, 60, 58, 56, 54, 52, 46, 38, 32, 28, 22};

// Bell-shaped enough, within +-1.
double Bell(Random& random) {
  const auto unit = [&] { return static_cast<double>(random.Next() >> 11) * 0x1p-53; };
  return (unit() + unit() + unit() - 1.5) / 1.5;
}

double Rounded(double degrees) { return std::round(degrees * 1e6) / 1e6; }

std::vector<int64_t> WeekFrom(int64_t begin_us) {
  // 1970-01-05 was a Monday.
  const int64_t since_monday = ((begin_us - 4 * 24 * kHour) % kWeek + kWeek) % kWeek;
  std::vector<int64_t> sums = {0};
  for (int64_t i = 0; i < 168; ++i) {
    const int64_t hour = (since_monday / kHour + i) % 168;
    sums.push_back(sums.back() + (hour < 120 ? kWorkday : kWeekend)[hour % 24]);
  }
  return sums;
}

}  // namespace

TripModel::TripModel(const TripModelOptions& options)
    : options_(options),
      schedule_(Mix(options.seed, 0x7472697073), options.rows, options.users),
      jitter_us_(std::min<int64_t>(90 * kSecond, 1 + (options.end_us - options.begin_us) /
                                                         static_cast<int64_t>(options.rows))),
      rhythm_(WeekFrom(options.begin_us)) {}

absl::Span<const OutputColumn> TripModel::columns() const {
  using Type = OutputColumn::Type;
  static constexpr OutputColumn kTripColumns[kColumns] = {
      {.name = "user_id", .distinct = true, .zstd = true},
      {.name = "trip_start_time", .type = Type::kTimestamp, .distinct = true, .zstd = true},
      {.name = "trip_end_time", .type = Type::kTimestamp, .distinct = true, .zstd = true},
      {.name = "start_lat", .type = Type::kDouble, .distinct = true, .zstd = true},
      {.name = "start_lng", .type = Type::kDouble, .distinct = true, .zstd = true},
      {.name = "end_lat", .type = Type::kDouble, .distinct = true, .zstd = true},
      {.name = "end_lng", .type = Type::kDouble, .distinct = true, .zstd = true},
  };
  return kTripColumns;
}

// Maps evenly spread instants to those of a typical week: hours of a greater weight get more.
int64_t TripModel::Warp(int64_t time_us) const {
  const int64_t since = time_us - options_.begin_us;
  const int64_t week = since / kWeek;
  const int64_t within = since % kWeek * rhythm_.back();  // in weights times kWeek
  const auto behind = std::upper_bound(rhythm_.begin(), rhythm_.end(), within / kWeek);
  const int64_t hour = behind - rhythm_.begin() - 1;
  const auto weight = static_cast<double>(*behind - *(behind - 1));
  const double part = (static_cast<double>(within) / static_cast<double>(kWeek) -
                       static_cast<double>(*(behind - 1))) /
                      weight;
  return options_.begin_us + week * kWeek + hour * kHour +
         static_cast<int64_t>(part * static_cast<double>(kHour));
}

int64_t TripModel::StartOf(uint64_t row) const {
  const auto span = static_cast<unsigned __int128>(options_.end_us - options_.begin_us);
  const auto due = options_.begin_us + static_cast<int64_t>(span * row / options_.rows);
  Random random(Mix(options_.seed ^ 0x57a47, row));
  const auto early = static_cast<int64_t>(random.Below(static_cast<uint64_t>(jitter_us_)));
  const int64_t start = Warp(std::max(options_.begin_us, due - early));
  return start - start % 1000;  // as most devices write it
}

TripModel::Point TripModel::PlaceOf(uint64_t user_seed, uint64_t trip, uint64_t reading) {
  const Town& town = kTowns[Random(user_seed ^ 1).Below(std::size(kTowns))];
  Random choice(Mix(user_seed, trip));
  const uint64_t draw = choice.Below(100);
  // Home and work have a seed of their own; any other place differs each time.
  const uint64_t place = trip % 2 == 0 ? (draw < 70 ? 2 : 0) : (draw < 55 ? 3 : 0);
  Random where(place == 0 ? choice.Next() : Mix(user_seed, place << 60));
  const double squeeze = std::cos(town.lat * 3.14159265358979 / 180);
  const double lat = town.lat + town.radius * Bell(where);
  const double lng = town.lng + town.radius / squeeze * Bell(where);
  Random noise(reading);
  constexpr double kMetres = 1.0 / 111'000;
  return {Rounded(lat + 25 * kMetres * Bell(noise)),
          Rounded(lng + 25 * kMetres / squeeze * Bell(noise))};
}

void TripModel::MakeUserId(uint64_t user, uint64_t user_seed) {
  if (options_.ids == TripUserIds::kNumber) {
    user_id_ = "user-";
    AppendNumber(user_id_, 1'000'000 + user * 37);
    return;
  }
  Random random(user_seed);
  MakeUuid(random, user_id_);
  for (int digit = options_.hex_digits; digit < 4; ++digit) {
    user_id_[static_cast<size_t>(digit)] = '0';
  }
}

absl::Span<const Value> TripModel::Make(uint64_t row) {
  const TripSchedule::Slot slot = schedule_.At(row);
  const uint64_t user_seed = Mix(options_.seed, slot.user);
  Random random(Mix(user_seed, slot.trip ^ 0x7219));
  MakeUserId(slot.user, user_seed);

  int64_t start = StartOf(row);
  const int64_t next = slot.next_row ? StartOf(*slot.next_row) : start + 24 * kHour;
  const Point from = PlaceOf(user_seed, slot.trip, random.Next());
  Point to = PlaceOf(user_seed, slot.trip + 1, random.Next());
  const double metres = 111'000 * (std::abs(to.lat - from.lat) + 0.6 * std::abs(to.lng - from.lng));
  const double speed = 3 + static_cast<double>(random.Below(110)) / 10;  // metres per second
  const int64_t wanted = 90 * kSecond + static_cast<int64_t>(metres / speed * 1000) * 1000;
  int64_t end = start + std::clamp<int64_t>(wanted, 0, std::max<int64_t>(0, next - start) / 10 * 9);

  const uint64_t oddity = random.Below(1000);
  if (oddity < 4) {
    end = start;
    to = from;
  } else if (oddity < 7 && slot.next_row) {
    end = std::max(end, next) + static_cast<int64_t>(random.Below(600)) * kSecond;
  } else if (oddity < 11 && slot.next_row && next - start < kMaxTie) {
    start = next;
    end = std::max(start, end);
  }
  end -= end % 1000;
  cells_ = {Value::Text(Value::Kind::kText, user_id_),
            Value::Timestamp(start, Value::Unit::kMicro, false),
            Value::Timestamp(std::max(start, end), Value::Unit::kMicro, false),
            Value::Double(from.lat),
            Value::Double(from.lng),
            Value::Double(to.lat),
            Value::Double(to.lng)};
  return cells_;
}

}  // namespace millrace
