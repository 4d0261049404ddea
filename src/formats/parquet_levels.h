// Levels and PLAIN values as the pages of Parquet files have them
// (https://parquet.apache.org/docs/file-format/data-pages/encodings/).
#ifndef MILLRACE_FORMATS_PARQUET_LEVELS_H_
#define MILLRACE_FORMATS_PARQUET_LEVELS_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/byte_buffer.h"

namespace millrace {

inline void AppendParquetUint32(ByteBuffer& out, uint32_t value) {
  out.Append({reinterpret_cast<const char*>(&value), sizeof(value)});
}

inline void AppendParquetVarint(ByteBuffer& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.Append(static_cast<char>(value | 0x80));
  out.Append(static_cast<char>(value));
}

inline void AppendParquetText(ByteBuffer& out, std::string_view text) {
  AppendParquetUint32(out, static_cast<uint32_t>(text.size()));
  out.Append(text);
}

// Appends `count` values of `kBits` bits each, where value(i) is number i, the first in the lowest
// bits.
template <int kBits, typename ValueOf>
void AppendParquetBits(ByteBuffer& out, size_t count, size_t bytes, ValueOf value) {
  constexpr size_t kPerByte = 8 / kBits;
  char* const to = out.Reserve(bytes);
  std::memset(to, 0, bytes);
  for (size_t i = 0; i < count; ++i) {
    to[i / kPerByte] |= static_cast<char>(value(i) << (i % kPerByte * kBits));
  }
  out.Commit(bytes);
}

// Levels of `kBits` bits each, as one bit-packed run preceded by its length (Parquet's "RLE").
template <int kBits>
void AppendPackedLevels(ByteBuffer& out, const std::vector<uint8_t>& levels) {
  const size_t groups = (levels.size() + 7) / 8;
  const size_t length_at = out.size();
  AppendParquetUint32(out, 0);
  AppendParquetVarint(out, groups << 1 | 1);
  AppendParquetBits<kBits>(out, levels.size(), groups * kBits,
                           [&levels](size_t i) { return levels[i]; });
  const auto length = static_cast<uint32_t>(out.size() - length_at - sizeof(uint32_t));
  std::memcpy(out.data() + length_at, &length, sizeof(length));
}

// `count` times the same level.
inline void AppendEqualLevels(ByteBuffer& out, uint64_t count, uint8_t level) {
  const size_t length_at = out.size();
  AppendParquetUint32(out, 0);
  AppendParquetVarint(out, count << 1);
  out.Append(static_cast<char>(level));
  const auto length = static_cast<uint32_t>(out.size() - length_at - sizeof(uint32_t));
  std::memcpy(out.data() + length_at, &length, sizeof(length));
}

}  // namespace millrace

#endif  // MILLRACE_FORMATS_PARQUET_LEVELS_H_
