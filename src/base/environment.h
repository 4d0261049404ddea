// Environment variables as a parameter.
#ifndef MILLRACE_BASE_ENVIRONMENT_H_
#define MILLRACE_BASE_ENVIRONMENT_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

// Looks a variable up; nullopt if unset. Thread-safe.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;

}  // namespace millrace

#endif  // MILLRACE_BASE_ENVIRONMENT_H_
