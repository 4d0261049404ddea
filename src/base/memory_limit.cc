#include "base/memory_limit.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string_view>
#include <vector>

#include "base/strings.h"

namespace millrace {
namespace {

// A hierarchy of control groups: where it is mounted and what its files are called.
struct Hierarchy {
  std::string mount;
  std::vector<std::string> files;
  std::string group;  // of this process: "/a/b"
};

void TakeLimitOf(const std::string& folder, const Hierarchy& hierarchy,
                 std::optional<uint64_t>& min) {
  for (const std::string& file : hierarchy.files) {
    uint64_t limit = 0;
    // "max" is not a number: unlimited. In version 1 unlimited is a number larger than any memory.
    if (!(std::ifstream(StrCat(folder, "/", file)) >> limit) || limit == 0) continue;
    min = std::min(min.value_or(limit), limit);
  }
}

// Groups of the path may be missing: in a container, the mount shows its own group as the root
// while the path is that of the host.
void TakeLimits(const Hierarchy& hierarchy, std::optional<uint64_t>& min) {
  std::string group = hierarchy.group;
  if (group.find("/..") != group.npos) group.clear();  // outside of what the mount shows
  for (;;) {
    while (group.ends_with('/')) group.pop_back();
    TakeLimitOf(hierarchy.mount + group, hierarchy, min);
    if (group.empty()) return;
    group.resize(group.rfind('/') + 1);
  }
}

bool HasMemory(std::string_view controllers) {
  while (!controllers.empty()) {
    const std::string_view name = controllers.substr(0, controllers.find(','));
    if (name == "memory") return true;
    controllers.remove_prefix(std::min(name.size() + 1, controllers.size()));
  }
  return false;
}

}  // namespace

std::optional<uint64_t> ControlGroupMemoryLimit(const std::string& root) {
  // memory.high is not a hard limit, but above it a process is slowed down until it hardly runs.
  Hierarchy unified{root + "/sys/fs/cgroup", {"memory.max", "memory.high"}, ""};
  Hierarchy memory{root + "/sys/fs/cgroup/memory", {"memory.limit_in_bytes"}, ""};
  // "<number>:<controllers>:<group>"; version 2 has the number 0 and no controllers.
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == line.npos || second == line.npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (controllers.empty()) unified.group = line.substr(second + 1);
    if (HasMemory(controllers)) memory.group = line.substr(second + 1);
  }
  std::optional<uint64_t> min;
  TakeLimits(unified, min);
  TakeLimits(memory, min);
  return min;
}

uint64_t AvailableMemory() {
  const uint64_t machine = static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                           static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  return std::min(machine, ControlGroupMemoryLimit().value_or(machine));
}

}  // namespace millrace
