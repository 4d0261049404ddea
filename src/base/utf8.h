// UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing beyond U+10FFFF) of short texts;
// formats/utf8_validation.h has the vector code for whole files.
#ifndef MILLRACE_BASE_UTF8_H_
#define MILLRACE_BASE_UTF8_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace millrace {

// The offset of the first character that is not well-formed; the size of `text` if all are.
size_t FindMalformedUtf8(std::string_view text);

inline bool IsWellFormedUtf8(std::string_view text) {
  return FindMalformedUtf8(text) == text.size();
}

// The longest prefix of `text` of at most `max` bytes that does not end inside a character.
std::string_view CutUtf8(std::string_view text, size_t max);

// `text` with U+FFFD for each byte that is not part of a well-formed character, and for NUL.
std::string ToValidUtf8(std::string_view text);

}  // namespace millrace

#endif  // MILLRACE_BASE_UTF8_H_
