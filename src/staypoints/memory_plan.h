// How a run divides its memory. The output does not depend on it.
#ifndef MILLRACE_STAYPOINTS_MEMORY_PLAN_H_
#define MILLRACE_STAYPOINTS_MEMORY_PLAN_H_

#include <cstddef>
#include <cstdint>

namespace millrace {

struct MemoryPlan {
  size_t ranges = 1;       // of user ids, at most
  size_t chunk_bytes = 0;  // of the trip store
  size_t store = 0;        // trips between reading and sorting
  size_t sorter = 0;       // of each worker, for sorting a range
  size_t writers = 0;      // of all workers, for encoding
};

// For about `trips` trips on `workers` threads with `memory` bytes for the whole process, including
// the program itself and its decoders. If that is too little, the minimum that works, about 64 MB,
// is used.
MemoryPlan PlanMemory(uint64_t memory, size_t workers, uint64_t trips);

// A quarter of this machine's memory, or of the limit of its control groups, but at most the
// fastest size: beyond 512 MB, touching new memory costs more than spilling.
uint64_t DefaultMemory();

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_MEMORY_PLAN_H_
