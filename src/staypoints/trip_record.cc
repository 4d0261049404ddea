#include "staypoints/trip_record.h"

#include <array>
#include <bit>
#include <cstring>

#include "base/hash.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace millrace {
namespace {

constexpr size_t kLengthAt = 12;  // in the key of a kLong: 12 bytes of the hash before it
constexpr std::string_view kLowerDigits = "0123456789abcdef";
constexpr std::string_view kUpperDigits = "0123456789ABCDEF";
constexpr uint8_t kNoDigit = 0x80;

constexpr std::array<uint8_t, 256> DigitTable(std::string_view digits) {
  std::array<uint8_t, 256> table{};
  for (uint8_t& value : table) value = kNoDigit;
  for (size_t i = 0; i < digits.size(); ++i) {
    table[static_cast<unsigned char>(digits[i])] = static_cast<uint8_t>(i);
  }
  return table;
}
constexpr std::array<uint8_t, 256> kLowerTable = DigitTable(kLowerDigits);
constexpr std::array<uint8_t, 256> kUpperTable = DigitTable(kUpperDigits);

// Where the pairs of digits of a UUID begin.
constexpr size_t kUuidPairs[16] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};

// Packs 16 pairs of hex digits; false if one is none. `at(i)` is where pair i begins.
template <typename At>
bool PackDigits(const char* text, At at, const std::array<uint8_t, 256>& table,
                unsigned char (&key)[16]) {
  unsigned bad = 0;
  for (size_t i = 0; i < 16; ++i) {
    const unsigned high = table[static_cast<unsigned char>(text[at(i)])];
    const unsigned low = table[static_cast<unsigned char>(text[at(i) + 1])];
    bad |= high | low;
    key[i] = static_cast<unsigned char>(high << 4 | (low & 15));
  }
  return (bad & kNoDigit) == 0;
}

void UnpackDigits(const unsigned char (&key)[16], std::string_view digits, bool dashes, char* to) {
  for (size_t i = 0; i < 16; ++i) {
    char* const pair = to + (dashes ? kUuidPairs[i] : 2 * i);
    pair[0] = digits[key[i] >> 4];
    pair[1] = digits[key[i] & 15];
  }
  if (dashes) to[8] = to[13] = to[18] = to[23] = '-';
}

IdKind PackId(std::string_view id, unsigned char (&key)[16]) {
  const auto uuid_pair = [](size_t i) { return kUuidPairs[i]; };
  if (id.size() == 36 && id[8] == '-' && id[13] == '-' && id[18] == '-' && id[23] == '-') {
    if (PackDigits(id.data(), uuid_pair, kLowerTable, key)) return IdKind::kUuid;
    if (PackDigits(id.data(), uuid_pair, kUpperTable, key)) return IdKind::kUpperUuid;
  }
  if (id.size() <= 16 && std::memchr(id.data(), 0, id.size()) == nullptr) {
    std::memset(key, 0, 16);
    std::memcpy(key, id.data(), id.size());
    return IdKind::kShort;
  }
  if (id.size() == 32 && PackDigits(
                             id.data(), [](size_t i) { return 2 * i; }, kLowerTable, key)) {
    return IdKind::kHex;
  }
  const Hash128 hash = HashBytes(id);
  const auto length = static_cast<uint32_t>(id.size());
  std::memcpy(key, &hash, kLengthAt);
  std::memcpy(key + kLengthAt, &length, sizeof(length));
  return IdKind::kLong;
}

// Stores a whole cache line without reading it first: records are read again much later.
void StoreLine(const TripRecord& record, char* to) {
#if defined(__SSE2__)
  const auto* const from = reinterpret_cast<const __m128i*>(&record);
  for (int i = 0; i < 4; ++i) {
    _mm_stream_si128(reinterpret_cast<__m128i*>(to) + i, _mm_load_si128(from + i));
  }
#else
  std::memcpy(to, &record, sizeof(record));
#endif
}

// Doubles as integers of the same order, -0 before 0, and NaN, which is null, last.
int64_t OrderOf(double value) {
  const auto bits = std::bit_cast<int64_t>(value);
  return bits ^ ((bits >> 63) & INT64_MAX);
}

}  // namespace

size_t TripRecord::long_length() const {
  uint32_t length;
  std::memcpy(&length, key + kLengthAt, sizeof(length));
  return length;
}

size_t TripRecord::LongBytes() const {
  return (long_length() + sizeof(TripRecord) - 1) / sizeof(TripRecord) * sizeof(TripRecord);
}

size_t PackTrip(const Trip& trip, char* to) {
  TripRecord record;
  const IdKind kind = PackId(trip.user_id, record.key);
  record.start_and_kind = trip.start * 8 + static_cast<int64_t>(kind);
  record.end = trip.end;
  record.start_lat = trip.start_lat;
  record.start_lng = trip.start_lng;
  record.end_lat = trip.end_lat;
  record.end_lng = trip.end_lng;
  StoreLine(record, to);
  if (kind == IdKind::kLong) {
    std::memcpy(to + sizeof(record), trip.user_id.data(), trip.user_id.size());
  }
  return record.size();
}

void FinishPacking() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

std::string_view IdOf(const TripRecord& record, char (&buffer)[36]) {
  switch (record.kind()) {
    case IdKind::kShort: {
      const auto* const text = reinterpret_cast<const char*>(record.key);
      return {text, ::strnlen(text, sizeof(record.key))};
    }
    case IdKind::kUuid:
      UnpackDigits(record.key, kLowerDigits, true, buffer);
      return {buffer, 36};
    case IdKind::kUpperUuid:
      UnpackDigits(record.key, kUpperDigits, true, buffer);
      return {buffer, 36};
    case IdKind::kHex:
      UnpackDigits(record.key, kLowerDigits, false, buffer);
      return {buffer, 32};
    case IdKind::kLong:
      return record.long_id();
  }
  return {};
}

bool SameUser(const TripRecord& a, const TripRecord& b) {
  if (a.kind() != b.kind() || std::memcmp(a.key, b.key, sizeof(a.key)) != 0) return false;
  return a.kind() != IdKind::kLong || a.long_id() == b.long_id();
}

int CompareUsers(const TripRecord& a, const TripRecord& b) {
  // The packed forms of one kind order as their texts do.
  if (a.kind() == b.kind() && a.kind() != IdKind::kLong) {
    return std::memcmp(a.key, b.key, sizeof(a.key));
  }
  char a_buffer[36];
  char b_buffer[36];
  return IdOf(a, a_buffer).compare(IdOf(b, b_buffer));
}

bool TripBefore(const TripRecord& a, const TripRecord& b) {
  if (a.start_and_kind != b.start_and_kind) return a.start_and_kind < b.start_and_kind;
  if (a.end != b.end) return a.end < b.end;  // kNullTime is the greatest
  for (const auto field : {&TripRecord::start_lat, &TripRecord::start_lng, &TripRecord::end_lat,
                           &TripRecord::end_lng}) {
    const int64_t a_order = OrderOf(a.*field);
    const int64_t b_order = OrderOf(b.*field);
    if (a_order != b_order) return a_order < b_order;
  }
  return false;
}

}  // namespace millrace
