// Converts UTF-8 to UTF-16, the encoding of JavaScript strings, and back. JavaScriptCore's own
// conversions take as long as the rest of a transform.
#ifndef MILLRACE_SCRIPT_UTF16_H_
#define MILLRACE_SCRIPT_UTF16_H_

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/byte_buffer.h"

namespace millrace {

// Replaces the content of `out`. Each invalid byte of `utf8` becomes U+FFFD.
void ToUtf16(std::string_view utf8, std::vector<char16_t>& out);

// Appends `utf16` to `out`. Lone surrogates become U+FFFD.
void AppendUtf8(const char16_t* utf16, size_t size, ByteBuffer& out);

}  // namespace millrace

#endif  // MILLRACE_SCRIPT_UTF16_H_
