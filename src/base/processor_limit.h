// How much of the machine's processors this process may use.
#ifndef MILLRACE_BASE_PROCESSOR_LIMIT_H_
#define MILLRACE_BASE_PROCESSOR_LIMIT_H_

#include <optional>
#include <string>

namespace millrace {

// The smallest quota, in processors (0.5: half of the time of one), of this process's control group
// and of all groups above it; nullopt if there is none. `root` as in ControlGroupFolders().
std::optional<double> ControlGroupProcessorLimit(const std::string& root = "");

// That quota, or the processors that this process may run on if they are fewer; above 0.
double AvailableProcessors();

}  // namespace millrace

#endif  // MILLRACE_BASE_PROCESSOR_LIMIT_H_
