// UTF-8 of short texts; formats/utf8.h has the vector code for whole files.
#ifndef MILLRACE_BASE_UTF8_H_
#define MILLRACE_BASE_UTF8_H_

#include <cstddef>
#include <string_view>

namespace millrace {

// RFC 3629: no overlong forms, no surrogates, nothing beyond U+10FFFF.
bool IsWellFormedUtf8(std::string_view text);

// The longest begin of `text` of at most `most` bytes that does not end inside a character.
std::string_view CutUtf8(std::string_view text, size_t max);

}  // namespace millrace

#endif  // MILLRACE_BASE_UTF8_H_
