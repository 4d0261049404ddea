#include "staypoints/trip_store.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/memory/memory.h"
#include "base/status.h"

namespace millrace {
namespace {

constexpr uint64_t kExtentBytes = 1 << 20;

// Splits `whole`, which contains `chunks`, one after the other, into extents that can be read one
// by one.
void AddExtents(const ScratchFile::Extent& whole, absl::Span<const std::string_view> chunks,
                std::vector<ScratchFile::Extent>& extents) {
  ScratchFile::Extent next{whole.offset, 0};
  for (const std::string_view chunk : chunks) {
    next.size += chunk.size();
    if (next.size < kExtentBytes) continue;
    extents.push_back(next);
    next = {next.offset + next.size, 0};
  }
  if (next.size > 0) extents.push_back(next);
}

}  // namespace

absl::StatusOr<std::unique_ptr<TripStore>> TripStore::Make(Limits limits, ScratchFile& scratch) {
  // Only used memory is ever backed, but addresses may be limited too (`ulimit -v`): then as many
  // as possible are reserved, and the rest goes to disk.
  const size_t min = 2 * limits.ranges * limits.writers * limits.chunk_bytes;
  void* memory = MAP_FAILED;
  for (;; limits.memory = std::max(limits.memory / 2, min)) {
    memory = ::mmap(nullptr, limits.memory, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory != MAP_FAILED) break;
    if (limits.memory <= min) return ErrnoStatus(errno, "reserving memory for trips");
  }
  // Large pages make access several times cheaper.
  (void)::madvise(memory, limits.memory, MADV_HUGEPAGE);
  return absl::WrapUnique(new TripStore(limits, scratch, static_cast<char*>(memory)));
}

TripStore::TripStore(const Limits& limits, ScratchFile& scratch, char* memory)
    : limits_(limits),
      scratch_(scratch),
      memory_(memory),
      ranges_(limits.ranges),
      next_spilled_(limits.ranges) {}

TripStore::~TripStore() { ::munmap(memory_, limits_.memory); }

void TripStore::Writer::Finish() {
  FinishPacking();
  for (size_t range = 0; range < open_.size(); ++range) {
    const Open open = std::exchange(open_[range], {});
    if (open.at == open.begin) continue;
    const auto size = static_cast<size_t>(open.at - open.begin);
    absl::MutexLock lock(&store_.ranges_[range].mutex);
    store_.ranges_[range].trips.in_memory.emplace_back(open.begin, size);
    store_.ranges_[range].trips.memory_bytes += size;
  }
}

StoredTrips TripStore::Take(size_t range) {
  absl::MutexLock lock(&ranges_[range].mutex);
  return std::exchange(ranges_[range].trips, {});
}

absl::Status TripStore::NextChunk(size_t range, Writer::Open& open) {
  if (open.begin != nullptr) {
    FinishPacking();
    const std::string_view full(open.begin, static_cast<size_t>(open.at - open.begin));
    Range& to = ranges_[range];
    to.mutex.Lock();
    if (to.is_spilled) {
      to.mutex.Unlock();
      ASSIGN_OR_RETURN(const ScratchFile::Extent extent, scratch_.Append(full));
      absl::MutexLock lock(&to.mutex);
      to.trips.on_disk.push_back(extent);
      to.trips.disk_bytes += extent.size;
      open.at = open.begin;
      return absl::OkStatus();
    }
    to.trips.in_memory.push_back(full);
    to.trips.memory_bytes += full.size();
    to.mutex.Unlock();
    open = {};
  }
  ASSIGN_OR_RETURN(open.begin, NewChunk());
  open.at = open.begin;
  open.end = open.begin + limits_.chunk_bytes;
  return absl::OkStatus();
}

absl::StatusOr<char*> TripStore::NewChunk() {
  for (;;) {
    if (char* const chunk = FreeChunk(); chunk != nullptr) return chunk;
    RETURN_IF_ERROR(Spill());
  }
}

char* TripStore::FreeChunk() {
  absl::MutexLock lock(&free_mutex_);
  if (!free_.empty()) {
    char* const chunk = free_.back();
    free_.pop_back();
    return chunk;
  }
  if (used_ + limits_.chunk_bytes > limits_.memory) return nullptr;
  return memory_ + std::exchange(used_, used_ + limits_.chunk_bytes);
}

absl::Status TripStore::Spill() {
  absl::MutexLock lock(&spill_mutex_);
  {
    absl::MutexLock free_lock(&free_mutex_);
    if (!free_.empty()) return absl::OkStatus();  // another thread was faster
  }
  if (next_spilled_ == 0) return absl::InternalError("the memory for trips is too small");
  Range& range = ranges_[--next_spilled_];
  std::vector<std::string_view> chunks;
  {
    absl::MutexLock range_lock(&range.mutex);
    range.is_spilled = true;
    chunks = std::exchange(range.trips.in_memory, {});
    range.trips.memory_bytes = 0;
  }
  if (chunks.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const ScratchFile::Extent whole, scratch_.Append(chunks));
  {
    absl::MutexLock range_lock(&range.mutex);
    AddExtents(whole, chunks, range.trips.on_disk);
    range.trips.disk_bytes += whole.size;
  }
  absl::MutexLock free_lock(&free_mutex_);
  for (const std::string_view chunk : chunks) free_.push_back(const_cast<char*>(chunk.data()));
  return absl::OkStatus();
}

}  // namespace millrace
