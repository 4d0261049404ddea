#include "staypoints/memory_plan.h"

#include <algorithm>
#include <bit>

#include "base/memory_limit.h"
#include "staypoints/trip_record.h"

namespace millrace {
namespace {

constexpr uint64_t kProgram = 44 << 20;  // code, libraries, stacks, small change
constexpr uint64_t kDecoder = 9 << 20;   // of each worker: pages, batches
constexpr uint64_t kLeastRest = 16 << 20;
constexpr uint64_t kMostMemory = uint64_t{1} << 44;  // what "unlimited" comes to
constexpr uint64_t kQuickestMemory = 512'000'000;    // docs/benchmarks.md
constexpr uint64_t kRangeBytes = 2 << 20;            // a range that the caches still hold
constexpr size_t kMostRanges = 1024;
constexpr size_t kLeastChunk = 4 << 10;
constexpr size_t kMostChunk = 64 << 10;

}  // namespace

MemoryPlan PlanMemory(uint64_t memory, size_t workers, uint64_t trips) {
  const uint64_t fixed = kProgram + workers * kDecoder;
  memory = std::min(memory, kMostMemory);
  const uint64_t rest = memory < fixed + kLeastRest ? kLeastRest : memory - fixed;
  const uint64_t bytes = std::max<uint64_t>(trips, 1) * sizeof(TripRecord);
  MemoryPlan plan;
  plan.store = rest * 6 / 10;
  plan.sorter = rest * 3 / 10 / workers;
  plan.writers = rest / 10;
  // Two chunks for each range and worker must fit, and should be few of all.
  const size_t fitting = plan.store / (4 * workers * kLeastChunk);
  const size_t most = std::min(kMostRanges, std::max<size_t>(fitting, 1));
  plan.ranges = std::clamp<size_t>(bytes / kRangeBytes, std::min(4 * workers, most), most);
  const uint64_t share = std::min<uint64_t>(plan.store, bytes) / (4 * workers * plan.ranges);
  plan.chunk_bytes = std::clamp<size_t>(std::bit_floor(share), kLeastChunk, kMostChunk);
  // Guesses of the number of trips may be far too low: memory that is not touched costs nothing.
  return plan;
}

uint64_t DefaultMemory() { return std::min(AvailableMemory() / 4, kQuickestMemory); }

}  // namespace millrace
