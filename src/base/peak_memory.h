// The most memory that this process has held.
#ifndef MILLRACE_BASE_PEAK_MEMORY_H_
#define MILLRACE_BASE_PEAK_MEMORY_H_

#include <cstdint>

namespace millrace {

// Resident bytes at most, since the program began: unlike getrusage()'s ru_maxrss, not those of a
// larger process that has started it. 0 where /proc does not say.
uint64_t PeakMemory();

}  // namespace millrace

#endif  // MILLRACE_BASE_PEAK_MEMORY_H_
