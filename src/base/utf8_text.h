// Text for systems that take UTF-8 only.
#ifndef MILLRACE_BASE_UTF8_TEXT_H_
#define MILLRACE_BASE_UTF8_TEXT_H_

#include <string>
#include <string_view>

namespace millrace {

// `text` with U+FFFD for each byte that is not of valid UTF-8 (RFC 3629), and for NUL.
std::string ToValidUtf8(std::string_view text);

}  // namespace millrace

#endif  // MILLRACE_BASE_UTF8_TEXT_H_
