// Counting a byte in text: lines, mostly.
#ifndef MILLRACE_BASE_COUNT_BYTE_H_
#define MILLRACE_BASE_COUNT_BYTE_H_

#include <cstddef>
#include <string_view>

namespace millrace {

// How often `byte` occurs in `text`; checks 16 bytes at a time.
size_t CountByte(std::string_view text, char byte);

}  // namespace millrace

#endif  // MILLRACE_BASE_COUNT_BYTE_H_
