// Text from outside, made safe for a terminal.
#ifndef MILLRACE_BASE_PRINTABLE_H_
#define MILLRACE_BASE_PRINTABLE_H_

#include <string>
#include <string_view>

namespace millrace {

// `text` with '?' in place of each control character, so that no file name or server response can
// send an escape sequence to the terminal or start a new line.
std::string Printable(std::string_view text);

}  // namespace millrace

#endif  // MILLRACE_BASE_PRINTABLE_H_
