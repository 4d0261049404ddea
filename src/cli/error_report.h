// Errors as reports show them: without secrets, and safe to print to a terminal.
#ifndef MILLRACE_CLI_ERROR_REPORT_H_
#define MILLRACE_CLI_ERROR_REPORT_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace millrace::cli {

// Null if `message` is empty.
nlohmann::ordered_json ErrorAsJson(std::string_view message);
// Null if `status` is ok, else its message.
nlohmann::ordered_json ErrorAsJson(const absl::Status& status);

// The items of a list, which stand on indented lines, keep their lines; any other control character
// becomes '?'.
std::string ErrorAsText(std::string_view message);

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_ERROR_REPORT_H_
