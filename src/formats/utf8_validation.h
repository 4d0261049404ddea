// UTF-8 validity (RFC 3629).
#ifndef MILLRACE_FORMATS_UTF8_VALIDATION_H_
#define MILLRACE_FORMATS_UTF8_VALIDATION_H_

#include <string_view>

#include "absl/status/status.h"

namespace millrace {

bool IsUtf8(std::string_view text);

// For a row that is not UTF-8: says at which byte, and what to do.
absl::Status NotUtf8(std::string_view row);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_UTF8_VALIDATION_H_
