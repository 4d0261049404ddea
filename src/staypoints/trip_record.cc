#include "staypoints/trip_record.h"

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

// Where the pairs of digits of a UUID begin.
constexpr size_t kUuidPairs[16] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};

// The 32 hex digits of an id, in four parts of 8.
struct HexDigits {
  uint64_t parts[4];

  static uint64_t Load(const char* text) {
    uint64_t eight;
    std::memcpy(&eight, text, sizeof(eight));
    return eight;
  }
  static uint64_t Load(const char* text, const char* more) {
    uint32_t four[2];
    std::memcpy(&four[0], text, sizeof(four[0]));
    std::memcpy(&four[1], more, sizeof(four[1]));
    return std::bit_cast<uint64_t>(four);
  }
  static HexDigits OfUuid(const char* text) {
    return {{Load(text), Load(text + 9, text + 14), Load(text + 19, text + 24), Load(text + 28)}};
  }
  static HexDigits OfText(const char* text) {
    return {{Load(text), Load(text + 8), Load(text + 16), Load(text + 24)}};
  }
};

#if defined(__SSE2__)
// The values of 16 digits; clears bits of `good` for other characters.
__m128i ValuesOf(uint64_t low, uint64_t high, char letter_a, __m128i& good) {
  const __m128i text = _mm_set_epi64x(static_cast<int64_t>(high), static_cast<int64_t>(low));
  const auto within = [&](char first, int count) {
    return _mm_and_si128(_mm_cmpgt_epi8(text, _mm_set1_epi8(static_cast<char>(first - 1))),
                         _mm_cmpgt_epi8(_mm_set1_epi8(static_cast<char>(first + count)), text));
  };
  const __m128i is_letter = within(letter_a, 6);
  good = _mm_and_si128(good, _mm_or_si128(within('0', 10), is_letter));
  return _mm_add_epi8(_mm_and_si128(text, _mm_set1_epi8(15)),
                      _mm_and_si128(is_letter, _mm_set1_epi8(9)));
}

// Two digits make a byte, the first the upper half. False if one is not a digit.
bool PackDigits(const HexDigits& digits, std::string_view alphabet, unsigned char (&key)[16]) {
  __m128i good = _mm_set1_epi8(-1);
  const auto half = [&](uint64_t low, uint64_t high) {
    const __m128i values = ValuesOf(low, high, alphabet[10], good);
    return _mm_or_si128(_mm_slli_epi16(_mm_and_si128(values, _mm_set1_epi16(15)), 4),
                        _mm_srli_epi16(values, 8));
  };
  const __m128i first = half(digits.parts[0], digits.parts[1]);
  const __m128i second = half(digits.parts[2], digits.parts[3]);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(key), _mm_packus_epi16(first, second));
  return _mm_movemask_epi8(good) == 0xffff;
}
#else
bool PackDigits(const HexDigits& digits, std::string_view alphabet, unsigned char (&key)[16]) {
  char text[32];
  std::memcpy(text, digits.parts, sizeof(text));
  bool good = true;
  for (size_t i = 0; i < 16; ++i) {
    const size_t high = alphabet.find(text[2 * i]);
    const size_t low = alphabet.find(text[2 * i + 1]);
    good = good && high != alphabet.npos && low != alphabet.npos;
    key[i] = static_cast<unsigned char>(high << 4 | (low & 15));
  }
  return good;
}
#endif

void UnpackDigits(const unsigned char (&key)[16], std::string_view digits, bool dashes, char* to) {
  for (size_t i = 0; i < 16; ++i) {
    char* const pair = to + (dashes ? kUuidPairs[i] : 2 * i);
    pair[0] = digits[key[i] >> 4];
    pair[1] = digits[key[i] & 15];
  }
  if (dashes) to[8] = to[13] = to[18] = to[23] = '-';
}

IdKind PackId(std::string_view id, unsigned char (&key)[16]) {
  if (id.size() == 36 && id[8] == '-' && id[13] == '-' && id[18] == '-' && id[23] == '-') {
    const HexDigits digits = HexDigits::OfUuid(id.data());
    if (PackDigits(digits, kLowerDigits, key)) return IdKind::kUuid;
    if (PackDigits(digits, kUpperDigits, key)) return IdKind::kUpperUuid;
  }
  if (id.size() <= 16 && std::memchr(id.data(), 0, id.size()) == nullptr) {
    std::memset(key, 0, 16);
    std::memcpy(key, id.data(), id.size());
    return IdKind::kShort;
  }
  if (id.size() == 32 && PackDigits(HexDigits::OfText(id.data()), kLowerDigits, key)) {
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

// Doubles as integers of the same order: -0 before 0, and NaN, which is null, last.
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
