#include "base/processor_limit.h"

#include <algorithm>
#include <fstream>
#include <thread>

#include "base/control_group.h"

namespace millrace {

std::optional<double> ControlGroupProcessorLimit(const std::string& root) {
  std::optional<double> min;
  for (const std::string& folder : ControlGroupFolders("cpu", root)) {
    double quota = 0, period = 0;
    // Version 2 has "QUOTA PERIOD" in microseconds; "max" is not a number: unlimited. In version 1
    // unlimited is -1.
    const bool is_limited = std::ifstream(folder + "/cpu.max") >> quota >> period ||
                            (std::ifstream(folder + "/cpu.cfs_quota_us") >> quota &&
                             std::ifstream(folder + "/cpu.cfs_period_us") >> period);
    if (!is_limited || quota <= 0 || period <= 0) continue;
    min = std::min(min.value_or(quota / period), quota / period);
  }
  return min;
}

double AvailableProcessors() {
  const double machine = std::max(1U, std::thread::hardware_concurrency());
  return std::min(machine, ControlGroupProcessorLimit().value_or(machine));
}

}  // namespace millrace
