// Sizes in the values of flags.
#ifndef MILLRACE_CLI_SIZE_TEXT_H_
#define MILLRACE_CLI_SIZE_TEXT_H_

#include <optional>
#include <string_view>

namespace millrace::cli {

// The bytes of "256MB", "1.5GiB" or "512" (megabytes); nullopt if it is not a size. It may be
// negative, infinite or not a number.
std::optional<double> ParseSize(std::string_view text);

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_SIZE_TEXT_H_
