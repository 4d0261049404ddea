// All trips of a run between reading and sorting, by range of user ids: in memory as far as
// possible, the rest in a scratch file.
#ifndef MILLRACE_STAYPOINTS_TRIP_STORE_H_
#define MILLRACE_STAYPOINTS_TRIP_STORE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "io/scratch_file.h"
#include "staypoints/trip_record.h"

namespace millrace {

// The trips of one range: TripRecords side by side, in no order.
struct StoredTrips {
  std::vector<std::string_view> in_memory;  // aligned to 64 bytes; lives as long as the store
  std::vector<ScratchFile::Extent> on_disk;
  uint64_t memory_bytes = 0;
  uint64_t disk_bytes = 0;
};

class TripStore {
 public:
  struct Limits {
    size_t ranges = 1;
    size_t writers = 1;
    size_t chunk_bytes = 64 << 10;  // a multiple of 4096
    size_t memory = 64 << 20;       // of all chunks; two for each range and writer are needed
  };

  // Uses less memory if the address space is limited; ResourceExhausted if even two chunks for each
  // range and writer do not fit. `scratch` must outlive the store.
  static absl::StatusOr<std::unique_ptr<TripStore>> Make(Limits limits, ScratchFile& scratch);
  ~TripStore();

  // Adds trips; each thread has its own.
  class Writer {
   public:
    explicit Writer(TripStore& store) : store_(store), open_(store.ranges_.size()) {}
    absl::Status Add(size_t range, const Trip& trip) {
      Open& open = open_[range];
      if (static_cast<size_t>(open.end - open.at) < MostRecordBytes(trip.user_id)) [[unlikely]] {
        if (absl::Status status = store_.NextChunk(range, open); !status.ok()) return status;
      }
      open.at += PackTrip(trip, open.at);
      return absl::OkStatus();
    }
    // Hands over the added trips; the writer adds no more.
    void Finish();

   private:
    friend class TripStore;
    struct Open {
      char* begin = nullptr;
      char* at = nullptr;
      char* end = nullptr;
    };
    TripStore& store_;
    std::vector<Open> open_;  // a chunk that is being filled for each range
  };

  // When all writers have finished: the trips of `range`, once.
  StoredTrips Take(size_t range);

 private:
  struct Range {
    absl::Mutex mutex;
    bool is_spilled ABSL_GUARDED_BY(mutex) = false;
    StoredTrips trips ABSL_GUARDED_BY(mutex);
  };

  TripStore(const Limits& limits, ScratchFile& scratch, char* memory);

  // Puts away a full chunk and gives the writer an empty one.
  absl::Status NextChunk(size_t range, Writer::Open& open);
  absl::StatusOr<char*> NewChunk();
  char* FreeChunk();
  // Moves the chunks of a whole range to disk; ranges that are sorted last are moved first.
  absl::Status Spill();

  const Limits limits_;
  ScratchFile& scratch_;
  char* const memory_;
  std::vector<Range> ranges_;

  absl::Mutex free_mutex_;
  std::vector<char*> free_ ABSL_GUARDED_BY(free_mutex_);
  size_t used_ ABSL_GUARDED_BY(free_mutex_) = 0;  // bytes of memory_ that were ever handed out

  absl::Mutex spill_mutex_;
  size_t next_spilled_ ABSL_GUARDED_BY(spill_mutex_);  // the range after the next one to move
};

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_TRIP_STORE_H_
