// How much memory this process may use.
#ifndef MILLRACE_BASE_MEMORY_LIMIT_H_
#define MILLRACE_BASE_MEMORY_LIMIT_H_

#include <cstdint>
#include <optional>
#include <string>

namespace millrace {

// The smallest limit in bytes of this process's control group and of all groups above it, in the
// hierarchies of version 1 and 2; nullopt if there is none. `root`: the parent of /proc and /sys;
// "" except in tests.
std::optional<uint64_t> ControlGroupMemoryLimit(const std::string& root = "");

// That limit, or the machine's memory if it is smaller.
uint64_t AvailableMemory();

}  // namespace millrace

#endif  // MILLRACE_BASE_MEMORY_LIMIT_H_
