#include "staypoints/trip_record.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "staypoints/staypoint_block.h"

namespace millrace {
namespace {

// A packed trip, in memory of its own.
class Packed {
 public:
  explicit Packed(const Trip& trip)
      : bytes_(static_cast<char*>(std::aligned_alloc(64, kMaxRecordBytes)), std::free) {
    size_ = PackTrip(trip, bytes_.get());
    FinishPacking();
  }
  explicit Packed(const std::string& id) : Packed(Trip{.user_id = id}) {}

  const TripRecord& operator*() const { return *reinterpret_cast<TripRecord*>(bytes_.get()); }
  size_t size() const { return size_; }
  std::string id() const {
    char buffer[36];
    return std::string(IdOf(**this, buffer));
  }

 private:
  std::unique_ptr<char, void (*)(void*)> bytes_;
  size_t size_;
};

const std::vector<std::string>& Ids() {
  static const std::vector<std::string> ids = {
      "",
      std::string("\0", 1),
      std::string("a\0b", 3),
      "0123456789abcdef",
      "0123456789abcdeff",
      "0123456789abcdef0123456789abcdef",
      "0123456789ABCDEF0123456789abcdef",
      "3f2a7c1e-0000-4000-8000-0123456789ab",
      "3F2A7C1E-0000-4000-8000-0123456789AB",
      "3F2a7c1e-0000-4000-8000-0123456789ab",
      "3f2a7c1e-0000-4000-8000-0123456789a",
      "3f2a7c1e-0000-4000-8000-0123456789abc",
      "3f2a7c1e-0000-4000-8000-0123456789ax",
      "user123",
      "auth0|5f7c8ec7c33c6c004bbafe82",
      "Ünïcödé 日本語 😀",
      std::string(1024, 'x'),
  };
  return ids;
}

TEST(TripRecordTest, EveryByteAtEveryPositionOfAUuidIsRestored) {
  for (const std::string uuid :
       {"3f2a7c1e-9b4d-4c60-8a5f-0123456789ab", "3F2A7C1E-9B4D-4C60-8A5F-0123456789AB",
        "3f2a7c1e9b4d4c608a5f0123456789ab"}) {
    for (size_t at = 0; at < uuid.size(); ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string id = uuid;
        id[at] = static_cast<char>(byte);
        EXPECT_EQ(Packed(id).id(), id);
      }
    }
  }
}

TEST(TripRecordTest, EveryIdIsRestoredByteForByte) {
  for (const std::string& id : Ids()) {
    const Packed packed(id);
    EXPECT_EQ(packed.id(), id);
    EXPECT_EQ(packed.size(), (*packed).size());
    EXPECT_EQ(packed.size() % 64, 0u);
    EXPECT_LE(packed.size(), MostRecordBytes(id));
  }
}

TEST(TripRecordTest, UuidsAndShortIdsTakeOneLine) {
  EXPECT_EQ(Packed("3f2a7c1e-0000-4000-8000-0123456789ab").size(), 64u);
  EXPECT_EQ(Packed("user123").size(), 64u);
  EXPECT_EQ(Packed("auth0|5f7c8ec7c33c6c004bbafe82").size(), 128u);
}

TEST(TripRecordTest, UsersAreTheSameExactlyIfTheirIdsAre) {
  for (const std::string& a : Ids()) {
    for (const std::string& b : Ids()) {
      const Packed first(a);
      const Packed second(b);
      EXPECT_EQ(SameUser(*first, *second), a == b) << a << " | " << b;
      const int order = CompareUsers(*first, *second);
      EXPECT_EQ(order < 0, a < b) << a << " | " << b;
      EXPECT_EQ(order == 0, a == b) << a << " | " << b;
    }
  }
}

TEST(TripRecordTest, KeepsTimesOfAllYears) {
  for (const int64_t time : {kEarliestTime, int64_t{-1}, int64_t{0}, int64_t{1}, kLatestTime}) {
    const Packed packed(Trip{.user_id = "u", .start = time, .end = time});
    EXPECT_EQ((*packed).start(), time);
    EXPECT_EQ((*packed).end, time);
  }
}

TEST(TripRecordTest, OrdersByStartEndAndTheOtherColumnsWithNullsLast) {
  const double null = kNullCoordinate;
  const std::vector<Trip> ascending = {
      {"u", -5, 9, 9, 9, 9, 9},     {"u", 1, -3, 9, 9, 9, 9},   {"u", 1, 2, -1, 9, 9, 9},
      {"u", 1, 2, -0.0, 0, 0, 0},   {"u", 1, 2, 0.0, -7, 5, 5}, {"u", 1, 2, 0.0, 1, 5, 5},
      {"u", 1, 2, 0.0, null, 0, 0}, {"u", 1, 2, 3, 4, 5, 6},    {"u", 1, 2, 3, 4, 5, 7},
      {"u", 1, 2, 3, 4, 6, 0},      {"u", 1, 2, null, 0, 0, 0}, {"u", 1, kNullTime, 0, 0, 0, 0},
      {"u", 2, 0, 0, 0, 0, 0},
  };
  for (size_t i = 0; i < ascending.size(); ++i) {
    for (size_t j = 0; j < ascending.size(); ++j) {
      EXPECT_EQ(TripBefore(*Packed(ascending[i]), *Packed(ascending[j])), i < j) << i << " " << j;
    }
  }
}

}  // namespace
}  // namespace millrace
