#include "staypoints/memory_plan.h"

#include <algorithm>
#include <bit>

#include "base/memory_limit.h"
#include "staypoints/trip_record.h"

namespace millrace {
namespace {

constexpr uint64_t kProgram = 44 << 20;  // code, libraries, stacks, small change
constexpr uint64_t kDecoder = 9 << 20;   // of each worker: pages, batches
constexpr uint64_t kMinRest = 16 << 20;
constexpr uint64_t kMaxMemory = uint64_t{1} << 44;  // the limit for "unlimited"
constexpr uint64_t kQuickestMemory = 512'000'000;   // docs/benchmarks.md
constexpr uint64_t kRangeBytes = 2 << 20;           // a range that fits the caches
constexpr size_t kMaxRanges = 1024;
constexpr size_t kMinChunk = 4 << 10;
constexpr size_t kMaxChunk = 64 << 10;

}  // namespace

MemoryPlan PlanMemory(uint64_t memory, size_t workers, uint64_t trips) {
  const uint64_t fixed = kProgram + workers * kDecoder;
  memory = std::min(memory, kMaxMemory);
  const uint64_t rest = memory < fixed + kMinRest ? kMinRest : memory - fixed;
  const uint64_t bytes = std::max<uint64_t>(trips, 1) * sizeof(TripRecord);
  MemoryPlan plan;
  plan.store = rest * 6 / 10;
  plan.sorter = rest * 3 / 10 / workers;
  plan.writers = rest / 10;
  // Two chunks for each range and worker must fit, and should be a small part of all.
  const size_t fitting = plan.store / (4 * workers * kMinChunk);
  const size_t max = std::min(kMaxRanges, std::max<size_t>(fitting, 1));
  plan.ranges = std::clamp<size_t>(bytes / kRangeBytes, std::min(4 * workers, max), max);
  const uint64_t share = std::min<uint64_t>(plan.store, bytes) / (4 * workers * plan.ranges);
  plan.chunk_bytes = std::clamp<size_t>(std::bit_floor(share), kMinChunk, kMaxChunk);
  // The estimated number of trips may be far too low: memory that is not touched costs nothing.
  return plan;
}

uint64_t DefaultMemory() { return std::min(AvailableMemory() / 4, kQuickestMemory); }

}  // namespace millrace
