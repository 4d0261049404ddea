// The cells of a table row as bytes, until they become columns:
//
//   row  = *cell                     one for each column
//   cell = null | integer | text
//   null = %xFF.FF.FF.FF
//   text = size *OCTET               size: 4 bytes, below the null
//   integer = %x08.00.00.00 8OCTET   integers, times, and doubles by their bits
#ifndef MILLRACE_DATA_FILES_PACKED_ROW_H_
#define MILLRACE_DATA_FILES_PACKED_ROW_H_

#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/byte_buffer.h"

namespace millrace::data_files {

inline constexpr uint32_t kPackedNull = UINT32_MAX;

inline void AppendPackedSize(ByteBuffer& out, uint32_t size) {
  out.Append({reinterpret_cast<const char*>(&size), sizeof(size)});
}
inline void AppendPackedText(ByteBuffer& out, std::string_view text) {
  AppendPackedSize(out, static_cast<uint32_t>(text.size()));
  out.Append(text);
}
template <typename T>
void AppendPackedNumber(ByteBuffer& out, T value) {
  static_assert(sizeof(value) == 8);
  AppendPackedText(out, {reinterpret_cast<const char*>(&value), sizeof(value)});
}

// Reads one cell from the front of `bytes`. False: it is null.
inline bool TakePackedCell(std::string_view& bytes, std::string_view& cell) {
  uint32_t size = 0;
  std::memcpy(&size, bytes.data(), sizeof(size));
  bytes.remove_prefix(sizeof(size));
  if (size == kPackedNull) return false;
  cell = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return true;
}

}  // namespace millrace::data_files

#endif  // MILLRACE_DATA_FILES_PACKED_ROW_H_
