#include "base/memory_limit.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "base/control_group.h"
#include "base/strings.h"

namespace millrace {

std::optional<uint64_t> ControlGroupMemoryLimit(const std::string& root) {
  std::optional<uint64_t> min;
  for (const std::string& folder : ControlGroupFolders("memory", root)) {
    // memory.high is not a hard limit, but above it a process is slowed down until it hardly runs.
    for (const char* file : {"memory.max", "memory.high", "memory.limit_in_bytes"}) {
      uint64_t limit = 0;
      // "max" is not a number: unlimited. In version 1 unlimited is a number larger than any
      // memory.
      if (!(std::ifstream(StrCat(folder, "/", file)) >> limit) || limit == 0) continue;
      min = std::min(min.value_or(limit), limit);
    }
  }
  return min;
}

uint64_t AvailableMemory() {
  const uint64_t machine = static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                           static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  return std::min(machine, ControlGroupMemoryLimit().value_or(machine));
}

}  // namespace millrace
