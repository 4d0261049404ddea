// Numbers and names formatted for people.
#ifndef MILLRACE_CLI_TEXT_H_
#define MILLRACE_CLI_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "base/pluralize.h"  // WithCommas() and Counted(), for who includes this
#include "base/printable.h"  // Printable(), likewise

namespace millrace::cli {

// "999 B", "71.0 MB", "1.2 GB" (powers of 1000).
std::string Bytes(uint64_t bytes);
// "0.7 s", "3:05", "2:03:05".
std::string Span(absl::Duration duration);
// The last segment of a URI.
std::string_view BaseName(std::string_view uri);

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_TEXT_H_
