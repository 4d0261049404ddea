// The peak memory of this process.
#ifndef MILLRACE_BASE_PEAK_MEMORY_H_
#define MILLRACE_BASE_PEAK_MEMORY_H_

#include <cstdint>

namespace millrace {

// The peak of resident bytes since the program began. Unlike getrusage()'s ru_maxrss, it excludes a
// larger process that started this one. 0 if /proc does not have it.
uint64_t PeakMemory();

}  // namespace millrace

#endif  // MILLRACE_BASE_PEAK_MEMORY_H_
