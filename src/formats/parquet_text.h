// The text of Parquet values for which JSON has no type.
#ifndef MILLRACE_FORMATS_PARQUET_TEXT_H_
#define MILLRACE_FORMATS_PARQUET_TEXT_H_

#include <cstdint>
#include <string_view>

#include "base/byte_buffer.h"
#include "formats/value.h"

namespace millrace {

// `unscaled` / 10^scale with all its digits: "-0.0120".
void AppendDecimal(ByteBuffer& out, int64_t unscaled, int scale);
// The same for a big-endian two's complement number of any width. False, and nothing is appended,
// if it has no bytes or more than kMaxDecimalBytes.
inline constexpr size_t kMaxDecimalBytes = 128;
bool AppendDecimal(ByteBuffer& out, std::string_view big_endian, int scale);

// "2024-04-24"; years as in timestamps.
void AppendDate(ByteBuffer& out, int32_t days_since_1970);

// "03:13:01[.500[000[000]]]". False, and nothing is appended, if it is not within a day.
bool AppendTimeOfDay(ByteBuffer& out, int64_t ticks, Value::Unit unit);

// 8-4-4-4-12 lower-case hex digits of 16 bytes.
void AppendUuid(ByteBuffer& out, std::string_view bytes);

// "P1M2DT3.004S" of 12 bytes: months, days, milliseconds as little-endian uint32_t.
void AppendInterval(ByteBuffer& out, std::string_view bytes);

// `text` with U+FFFD for each byte that is not part of a UTF-8 sequence. Returns the position of
// the first.
size_t AppendRepairedUtf8(ByteBuffer& out, std::string_view text);

// IEEE 754 binary16.
float HalfToFloat(uint16_t half);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_PARQUET_TEXT_H_
