#include "staypoints/trip_sorter.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "base/status.h"

namespace millrace {
namespace {

constexpr size_t kMinMemory = 4 << 20;
constexpr size_t kWriteBytes = 1 << 20;
constexpr size_t kMinReadBytes = 64 << 10;
constexpr size_t kAlignment = alignof(TripRecord);

char* Allocate(size_t bytes) {
  auto* const memory = static_cast<char*>(
      std::aligned_alloc(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment));
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

absl::Status CheckStop(const std::stop_token& stop) {
  return stop.stop_requested() ? absl::CancelledError("stopped") : absl::OkStatus();
}

}  // namespace

// Trips in order, on disk.
struct TripSorter::Run {
  std::vector<ScratchFile::Extent> extents;
};

class TripSorter::RunWriter {
 public:
  explicit RunWriter(ScratchFile& scratch) : scratch_(scratch) {}

  absl::Status Add(const TripRecord& trip) {
    buffer_.Append({reinterpret_cast<const char*>(&trip), trip.size()});
    return buffer_.size() < kWriteBytes ? absl::OkStatus() : Flush();
  }
  absl::StatusOr<Run> Finish() {
    RETURN_IF_ERROR(Flush());
    return std::move(run_);
  }

 private:
  absl::Status Flush() {
    if (buffer_.size() == 0) return absl::OkStatus();
    ASSIGN_OR_RETURN(const ScratchFile::Extent extent, scratch_.Append(buffer_.view()));
    run_.extents.push_back(extent);
    buffer_.clear();
    return absl::OkStatus();
  }

  ScratchFile& scratch_;
  ByteBuffer buffer_;
  Run run_;
};

// Reads a run back, trip by trip, and frees its space.
class TripSorter::RunReader {
 public:
  RunReader(ScratchFile& scratch, const Run& run, size_t buffer_bytes)
      : scratch_(scratch),
        run_(run),
        buffer_(Allocate(buffer_bytes)),
        buffer_bytes_(buffer_bytes / kAlignment * kAlignment) {}

  // The next trip, valid until the call after this one; null at the end.
  absl::StatusOr<const TripRecord*> Next() {
    at_ += size_;
    size_ = 0;
    if (!HasWholeTrip()) RETURN_IF_ERROR(Refill());
    if (at_ == end_) return nullptr;
    const auto* const trip = reinterpret_cast<const TripRecord*>(buffer_.get() + at_);
    size_ = trip->size();
    return trip;
  }

 private:
  bool HasWholeTrip() const {
    if (end_ - at_ < sizeof(TripRecord)) return false;
    return end_ - at_ >= reinterpret_cast<const TripRecord*>(buffer_.get() + at_)->size();
  }

  absl::Status Refill() {
    std::memmove(buffer_.get(), buffer_.get() + at_, end_ - at_);
    end_ -= at_;
    at_ = 0;
    while (end_ < buffer_bytes_ && extent_ < run_.extents.size()) {
      const ScratchFile::Extent& extent = run_.extents[extent_];
      const size_t size = std::min<uint64_t>(extent.size - offset_, buffer_bytes_ - end_);
      RETURN_IF_ERROR(scratch_.Read(extent, offset_, absl::MakeSpan(buffer_.get() + end_, size)));
      end_ += size;
      offset_ += size;
      if (offset_ < extent.size) break;
      scratch_.Release(extent);
      ++extent_;
      offset_ = 0;
    }
    return absl::OkStatus();
  }

  ScratchFile& scratch_;
  const Run& run_;
  const std::unique_ptr<char[], FreeBytes> buffer_;
  const size_t buffer_bytes_;
  size_t extent_ = 0;    // the next one to read from
  uint64_t offset_ = 0;  // in it
  size_t at_ = 0;        // of the current trip
  size_t size_ = 0;      // of the current trip
  size_t end_ = 0;       // of what is in the buffer
};

void TripSorter::FreeBytes::operator()(char* bytes) const { std::free(bytes); }

TripSorter::TripSorter(ScratchFile& scratch, size_t memory)
    : scratch_(scratch), memory_(std::max(memory, kMinMemory)) {}
TripSorter::~TripSorter() = default;

absl::Status TripSorter::Sort(StoredTrips trips, StaypointBuilder& to, std::stop_token stop) {
  RETURN_IF_ERROR(CheckStop(stop));
  if (!FitsMemory(trips)) {
    ASSIGN_OR_RETURN(std::vector<Run> runs, MakeRuns(trips, stop));
    return MergeAll(std::move(runs), to, stop);
  }
  std::vector<std::string_view> pieces = std::move(trips.in_memory);
  if (!trips.on_disk.empty()) {
    ASSIGN_OR_RETURN(const std::string_view loaded, Load(trips.on_disk));
    pieces.push_back(loaded);
  }
  return groups_.ForEach(pieces, [&](const TripRecord& trip, bool begins_user) {
    if (begins_user) to.BeginUser(trip);
    return to.Add(trip);
  });
}

bool TripSorter::FitsMemory(const StoredTrips& trips) const {
  const uint64_t max_trips = (trips.memory_bytes + trips.disk_bytes) / sizeof(TripRecord);
  return trips.disk_bytes + max_trips * UserGroups::kBytesPerTrip <= memory_;
}

absl::StatusOr<std::string_view> TripSorter::Load(absl::Span<const ScratchFile::Extent> extents) {
  size_t bytes = 0;
  for (const ScratchFile::Extent& extent : extents) bytes += extent.size;
  if (bytes > loaded_bytes_) {
    loaded_.reset();
    loaded_.reset(Allocate(bytes));
    loaded_bytes_ = bytes;
  }
  size_t at = 0;
  for (const ScratchFile::Extent& extent : extents) {
    RETURN_IF_ERROR(scratch_.Read(extent, 0, absl::MakeSpan(loaded_.get() + at, extent.size)));
    scratch_.Release(extent);
    at += extent.size;
  }
  return std::string_view(loaded_.get(), bytes);
}

// Each run is made of what fits memory; single extents always do.
absl::StatusOr<std::vector<TripSorter::Run>> TripSorter::MakeRuns(const StoredTrips& trips,
                                                                  std::stop_token stop) {
  constexpr size_t kIndexShare = sizeof(TripRecord) + UserGroups::kBytesPerTrip;
  const size_t max_bytes = memory_ / kIndexShare * sizeof(TripRecord);
  std::vector<Run> runs;
  const auto make_run = [&](absl::Span<const std::string_view> pieces) -> absl::Status {
    ASSIGN_OR_RETURN(Run run, MakeRun(pieces));
    runs.push_back(std::move(run));
    return CheckStop(stop);
  };
  std::vector<std::string_view> pieces;
  size_t bytes = 0;
  for (const std::string_view piece : trips.in_memory) {
    pieces.push_back(piece);
    bytes += piece.size();
    if (bytes < max_bytes) continue;
    RETURN_IF_ERROR(make_run(pieces));
    pieces.clear();
    bytes = 0;
  }
  if (!pieces.empty()) RETURN_IF_ERROR(make_run(pieces));
  for (size_t i = 0; i < trips.on_disk.size();) {
    size_t end = i;
    for (bytes = 0; end < trips.on_disk.size(); ++end) {
      bytes += trips.on_disk[end].size;
      if (bytes > max_bytes && end > i) break;
    }
    ASSIGN_OR_RETURN(const std::string_view loaded,
                     Load(absl::MakeSpan(trips.on_disk).subspan(i, end - i)));
    RETURN_IF_ERROR(make_run(absl::MakeSpan(&loaded, 1)));
    i = end;
  }
  return runs;
}

absl::StatusOr<TripSorter::Run> TripSorter::MakeRun(absl::Span<const std::string_view> pieces) {
  RunWriter writer(scratch_);
  RETURN_IF_ERROR(
      groups_.ForEach(pieces, [&](const TripRecord& trip, bool) { return writer.Add(trip); }));
  return writer.Finish();
}

absl::Status TripSorter::MergeAll(std::vector<Run> runs, StaypointBuilder& to,
                                  std::stop_token stop) {
  loaded_.reset();
  loaded_bytes_ = 0;
  const size_t max_runs = std::max<size_t>(memory_ / kMinReadBytes, 2);
  while (runs.size() > max_runs) {
    RunWriter writer(scratch_);
    RETURN_IF_ERROR(Merge(absl::MakeSpan(runs).first(max_runs), stop,
                          [&](const TripRecord& trip, bool) { return writer.Add(trip); }));
    ASSIGN_OR_RETURN(Run merged, writer.Finish());
    runs.erase(runs.begin(), runs.begin() + static_cast<ptrdiff_t>(max_runs));
    runs.push_back(std::move(merged));
  }
  return Merge(runs, stop, [&](const TripRecord& trip, bool begins_user) {
    if (begins_user) to.BeginUser(trip);
    return to.Add(trip);
  });
}

absl::Status TripSorter::Merge(absl::Span<const Run> runs, const std::stop_token& stop, Emit emit) {
  struct Head {
    const TripRecord* trip;
    RunReader* reader;
  };
  // std::push_heap() and the like keep the greatest in front.
  const auto later = [](const Head& a, const Head& b) {
    const int order = CompareUsers(*a.trip, *b.trip);
    return order != 0 ? order > 0 : TripBefore(*b.trip, *a.trip);
  };
  const size_t buffer_bytes =
      std::clamp(memory_ / std::max<size_t>(runs.size(), 1), kMinReadBytes, kWriteBytes);
  std::vector<std::unique_ptr<RunReader>> readers;
  std::vector<Head> heads;
  for (const Run& run : runs) {
    readers.push_back(std::make_unique<RunReader>(scratch_, run, buffer_bytes));
    ASSIGN_OR_RETURN(const TripRecord* const trip, readers.back()->Next());
    if (trip != nullptr) heads.push_back({trip, readers.back().get()});
  }
  std::make_heap(heads.begin(), heads.end(), later);
  const std::unique_ptr<char[], FreeBytes> last(Allocate(kMaxRecordBytes));
  const auto& last_trip = *reinterpret_cast<const TripRecord*>(last.get());
  for (uint64_t count = 0; !heads.empty(); ++count) {
    if (count % 65536 == 0) RETURN_IF_ERROR(CheckStop(stop));
    std::pop_heap(heads.begin(), heads.end(), later);
    Head& head = heads.back();
    RETURN_IF_ERROR(emit(*head.trip, count == 0 || !SameUser(last_trip, *head.trip)));
    std::memcpy(last.get(), head.trip, head.trip->size());
    ASSIGN_OR_RETURN(head.trip, head.reader->Next());
    if (head.trip == nullptr) {
      heads.pop_back();
    } else {
      std::push_heap(heads.begin(), heads.end(), later);
    }
  }
  return absl::OkStatus();
}

}  // namespace millrace
