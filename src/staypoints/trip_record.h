// A trip in the engine: one cache line, and more only for ids that do not fit. Every id is restored
// byte for byte.
#ifndef MILLRACE_STAYPOINTS_TRIP_RECORD_H_
#define MILLRACE_STAYPOINTS_TRIP_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace {

// A trip as it was read; views are valid during the call that receives it. Null times are
// kNullTime, null coordinates kNullCoordinate; the start is never null.
struct Trip {
  std::string_view user_id;
  int64_t start = 0;
  int64_t end = 0;
  double start_lat = 0;
  double start_lng = 0;
  double end_lat = 0;
  double end_lng = 0;
};

inline constexpr size_t kMaxIdBytes = 1024;
// Years 0001 to 9999, in microseconds since 1970. They leave room for three bits in a record.
inline constexpr int64_t kEarliestTime = -62'135'596'800'000'000;
inline constexpr int64_t kLatestTime = 253'402'300'799'999'999;

// How the id of a record is stored.
enum class IdKind : uint8_t {
  kShort,      // up to 16 bytes without NUL, padded with zeros
  kUuid,       // 8-4-4-4-12 lower-case hex digits, as 16 bytes
  kUpperUuid,  // the same in upper case
  kHex,        // 32 lower-case hex digits, as 16 bytes
  kLong,       // its hash and length; the text follows the record
};

struct alignas(64) TripRecord {
  unsigned char key[16];
  int64_t start_and_kind;  // start * 8 + kind: of one user's trips, ordered as the start is
  int64_t end;
  double start_lat;
  double start_lng;
  double end_lat;
  double end_lng;

  IdKind kind() const { return static_cast<IdKind>(start_and_kind & 7); }
  int64_t start() const { return start_and_kind >> 3; }
  // Bytes of the record with the text after it; a multiple of 64.
  size_t size() const {
    return kind() == IdKind::kLong ? sizeof(TripRecord) + LongBytes() : sizeof(TripRecord);
  }
  std::string_view long_id() const {
    return {reinterpret_cast<const char*>(this + 1), long_length()};
  }

 private:
  size_t long_length() const;
  size_t LongBytes() const;
};
static_assert(sizeof(TripRecord) == 64);

// The maximum size of a record with `id`, which has at most kMaxIdBytes.
inline size_t MostRecordBytes(std::string_view id) {
  return sizeof(TripRecord) +
         (id.size() + sizeof(TripRecord) - 1) / sizeof(TripRecord) * sizeof(TripRecord);
}

inline constexpr size_t kMaxRecordBytes = sizeof(TripRecord) + kMaxIdBytes;

// Writes `trip` to `to`, which is aligned to 64 bytes, past the caches; returns its size().
size_t PackTrip(const Trip& trip, char* to);
// Must be called between packing and passing the records to another thread.
void FinishPacking();

// The id of `record`: a view of it, or of `buffer`.
std::string_view IdOf(const TripRecord& record, char (&buffer)[36]);

bool SameUser(const TripRecord& a, const TripRecord& b);
// Byte order of the ids: below 0, 0 or above 0.
int CompareUsers(const TripRecord& a, const TripRecord& b);

// The total order of one user's trips: start, end, start_lat, start_lng, end_lat, end_lng, each
// ascending with nulls last; -0 comes before 0. Trips that are equal in this order are identical.
bool TripBefore(const TripRecord& a, const TripRecord& b);

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_TRIP_RECORD_H_
