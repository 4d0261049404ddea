// The inside of JSON strings (RFC 8259 section 7).
#ifndef MILLRACE_FORMATS_JSON_TEXT_H_
#define MILLRACE_FORMATS_JSON_TEXT_H_

#include <string_view>

#include "base/byte_buffer.h"

namespace millrace {

// Appends the UTF-8 text that `inside` (between the quotes of a JSON string) represents. A lone
// surrogate becomes U+FFFD. `inside` must be valid; invalid parts are copied unchanged.
void AppendUnescaped(ByteBuffer& out, std::string_view inside);

// The offset of the first escape of `inside` that JSON does not define, or npos.
size_t FindBadEscape(std::string_view inside);

// Overwrites each escaped surrogate without a partner with the escape of U+FFFD, which has the same
// length. `inside` must have valid escapes.
void ReplaceLoneSurrogates(char* inside, size_t size);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_JSON_TEXT_H_
