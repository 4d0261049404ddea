// Small things about text that several files here need.
#ifndef MILLRACE_SANDBOX_TEXT_H_
#define MILLRACE_SANDBOX_TEXT_H_

#include <string_view>

#include "absl/strings/ascii.h"
#include "base/strings.h"

namespace millrace::sandbox {

inline std::string_view Trimmed(std::string_view text) {
  return ToStd(absl::StripAsciiWhitespace(ToAbsl(text)));
}

// At most `most` bytes of UTF-8 `text`, not ending inside a character.
inline std::string_view CutUtf8(std::string_view text, size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
  return text.substr(0, most);
}

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_TEXT_H_
